import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseDuration, parseDurationBetween, parseSize, parseSizeBetween } from '../../src/config/units.ts';

test('durations are whole numbers with a unit', () => {
  assert.equal(parseDuration('250ms'), 250);
  assert.equal(parseDuration('0s'), 0);
  assert.equal(parseDuration('5s'), 5_000);
  assert.equal(parseDuration('10m'), 600_000);
  assert.equal(parseDuration('1h'), 3_600_000);
});

test('anything else is no duration', () => {
  for (const text of [
    '',
    '5',
    's',
    '1.5s',
    '-1s',
    '+1s',
    '1 s',
    '1S',
    '1d',
    '1m30s',
    '1e3s',
    ' 1s',
    '1s\n',
    'off',
  ]) {
    assert.equal(parseDuration(text), undefined, JSON.stringify(text));
  }
});

test('sizes are whole numbers, with or without a unit', () => {
  assert.equal(parseSize('512'), 512);
  assert.equal(parseSize('512B'), 512);
  assert.equal(parseSize('1KB'), 1_000);
  assert.equal(parseSize('1kB'), 1_000);
  assert.equal(parseSize('64KiB'), 65_536);
  assert.equal(parseSize('1MB'), 1_000_000);
  assert.equal(parseSize('1MiB'), 1_048_576);
  assert.equal(parseSize('1GB'), 1_000_000_000);
  assert.equal(parseSize('2GiB'), 2_147_483_648);
});

test('anything else is no size', () => {
  for (const text of [
    '',
    'KiB',
    '1.5MiB',
    '-1',
    '1 MiB',
    '1M',
    '1mib',
    '0x10',
    '1e3',
    '999999999999999GiB',
  ]) {
    assert.equal(parseSize(text), undefined, JSON.stringify(text));
  }
});

test('a quantity is accepted at both ends of its range and nowhere beyond', () => {
  assert.equal(parseDurationBetween('1ms', '1ms', '10m'), 1);
  assert.equal(parseDurationBetween('10m', '1ms', '10m'), 600_000);
  assert.deepEqual(parseDurationBetween('11m', '1ms', '10m'), {
    message: "'11m' is out of range",
    hint: '1ms to 10m',
  });
  assert.equal(parseSizeBetween('8KiB', '8KiB', '1MiB'), 8_192);
  assert.deepEqual(parseSizeBetween('8191', '8KiB', '1MiB'), {
    message: "'8191' is out of range",
    hint: '8KiB to 1MiB',
  });
});

test('no text makes a unit parser throw or return anything but a safe whole number', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const quantity of [parseDuration(text), parseSize(text)]) {
        assert.ok(quantity === undefined || Number.isSafeInteger(quantity));
      }
    }),
  );
});
