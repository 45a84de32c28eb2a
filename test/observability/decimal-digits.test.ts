// Digits written by hand against what JavaScript prints.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { mostDigits, writeDecimal, writeMilliseconds } from '../../src/observability/decimal-digits.ts';

const target = Buffer.alloc(mostDigits + 5);

function decimal(value: number): string {
  target.fill(0);
  const end = writeDecimal(target, 1, value);
  assert.equal(target[0] + (target[end] ?? 0), 0, 'wrote outside its place');
  return target.toString('latin1', 1, end);
}

function milliseconds(value: number): string {
  return target.toString('latin1', 1, writeMilliseconds(target, 1, value));
}

test('every whole number is what String makes of it', () => {
  for (let power = 1; power < Number.MAX_SAFE_INTEGER; power *= 10) {
    for (const value of [power - 1, power, power + 1]) assert.equal(decimal(value), String(value));
  }
  for (const value of [2 ** 31 - 1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER])
    assert.equal(decimal(value), String(value));
  fc.assert(fc.property(fc.maxSafeNat(), (value) => decimal(value) === String(value)));
});

test('what is no whole number from 0 is moved there', () => {
  const moved = [-1, -0, Number.NaN, 1.9, 9.5, 3e9 + 0.5, Infinity, -Infinity].map(decimal);
  assert.deepEqual(moved, ['0', '0', '0', '1', '9', '3000000000', String(Number.MAX_SAFE_INTEGER), '0']);
});

test('milliseconds have three decimals, rounded', () => {
  const written = [0, 0.0004, 0.0006, 1, 1.5, 12.3456, 999.9996, 86_400_000.001, -3, Number.NaN].map(
    milliseconds,
  );
  assert.deepEqual(written, [
    '0.000',
    '0.000',
    '0.001',
    '1.000',
    '1.500',
    '12.346',
    '1000.000',
    '86400000.001',
    '0.000',
    '0.000',
  ]);
  fc.assert(
    fc.property(fc.nat(2 ** 31 - 1), (microseconds) => {
      assert.equal(Number(milliseconds(microseconds / 1000)), microseconds / 1000);
    }),
  );
});
