import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatGrpcTimeout, parseGrpcTimeout } from '../../src/grpc/timeout.ts';

test('every unit is understood', () => {
  assert.equal(parseGrpcTimeout('1H'), 3_600_000);
  assert.equal(parseGrpcTimeout('2M'), 120_000);
  assert.equal(parseGrpcTimeout('3S'), 3000);
  assert.equal(parseGrpcTimeout('4m'), 4);
  assert.equal(parseGrpcTimeout('300u'), 0.3);
  assert.equal(parseGrpcTimeout('1n'), 0.000001);
  assert.equal(parseGrpcTimeout('99999999H'), 99_999_999 * 3_600_000);
  assert.equal(parseGrpcTimeout('00000001S'), 1000);
});

test('zero means that the time is over, not that the value is malformed', () => {
  assert.equal(parseGrpcTimeout('0n'), 0);
  assert.equal(parseGrpcTimeout('00000000H'), 0);
});

test('what is not one to eight digits and a unit is malformed', () => {
  const malformed = [
    '',
    'S',
    '1',
    '123456789S',
    '1s',
    '1h',
    '-1S',
    '+1S',
    '1.5S',
    ' 1S',
    '1S ',
    '1 S',
    '1SS',
    '0x1S',
    '١S',
  ];
  for (const value of malformed) assert.equal(parseGrpcTimeout(value), undefined, JSON.stringify(value));
});

test('the finest unit that fits is chosen', () => {
  assert.equal(formatGrpcTimeout(5), '5m');
  assert.equal(formatGrpcTimeout(0.3), '300u');
  assert.equal(formatGrpcTimeout(4999.9), '4999900u');
  assert.equal(formatGrpcTimeout(99_999_999), '99999999m');
  assert.equal(formatGrpcTimeout(99_999.9995), '100000m');
  assert.equal(formatGrpcTimeout(100_000_000), '100000S');
  assert.equal(formatGrpcTimeout(1e12), '16666667M');
  assert.equal(formatGrpcTimeout(1e15), '99999999H');
  assert.equal(formatGrpcTimeout(Number.POSITIVE_INFINITY), '99999999H');
});

test('nothing left is the smallest positive value, as the document has no zero', () => {
  assert.equal(formatGrpcTimeout(0), '1n');
  assert.equal(formatGrpcTimeout(-5), '1n');
  assert.equal(formatGrpcTimeout(Number.NaN), '1n');
  assert.equal(formatGrpcTimeout(1e-9), '1u');
});

test('a formatted timeout is well formed, never shorter than asked, and hardly longer', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-3, max: 3e14, noNaN: true }), (timeoutMs) => {
      const value = formatGrpcTimeout(timeoutMs);
      assert.match(value, /^\d{1,8}[HMSmun]$/);
      const parsed = parseGrpcTimeout(value) ?? 0;
      assert.ok(parsed >= timeoutMs * (1 - 1e-12), `${value} is less than ${timeoutMs} ms`);
      assert.ok(parsed <= timeoutMs * 1.01 + 0.001, `${value} is more than ${timeoutMs} ms`);
    }),
    { numRuns: 500 },
  );
});

test('no text makes the parser throw', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const parsed = parseGrpcTimeout(text);
      assert.equal(parsed === undefined, !/^[0-9]{1,8}[HMSmun]$/.test(text));
    }),
  );
});
