// What a rate limit service has answered, read from bytes: every kind of answer, and bytes that are none.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as holds, property, uint8Array } from 'fast-check';
import { ProtobufWriter } from '../../../src/grpc/protobuf-writer.ts';
import { type Exceeded, readLimitResponse } from '../../../src/policies/limit-service/limit-response.ts';

const OK = 1;
const OVER_LIMIT = 2;

interface Status {
  readonly code?: number;
  readonly limit?: readonly [count: number, unit: number];
  readonly duration?: readonly [seconds: number, nanos: number];
}

function answer(code: number, ...statuses: readonly Status[]): Buffer {
  const response = new ProtobufWriter().number(1, code);
  for (const { code: own = OVER_LIMIT, limit, duration } of statuses) {
    const status = new ProtobufWriter().number(1, own);
    if (limit !== undefined) status.message(2, new ProtobufWriter().number(1, limit[0]).number(2, limit[1]));
    if (duration !== undefined)
      status.message(4, new ProtobufWriter().signed(1, duration[0]).signed(2, duration[1]));
    response.message(2, status);
  }
  return response.bytes;
}

function exceededIn(...statuses: readonly Status[]): Exceeded | undefined {
  const verdict = readLimitResponse(answer(OVER_LIMIT, ...statuses));
  assert.ok(typeof verdict === 'object');
  return verdict.exceeded;
}

function codeOf(message: Buffer): boolean | 'none' {
  const verdict = readLimitResponse(message);
  return typeof verdict === 'string' ? 'none' : verdict.isOverLimit;
}

test('the code of the whole decides, whatever the descriptors say', () => {
  assert.equal(codeOf(answer(OK, { code: OVER_LIMIT })), false);
  assert.equal(codeOf(answer(OVER_LIMIT, { code: OK })), true);
  for (const code of [0, 3, 2 ** 32]) assert.equal(codeOf(answer(code, { code: OK })), 'none', `${code}`);
  assert.equal(codeOf(Buffer.alloc(0)), 'none');
});

test('the descriptor that is over its limit for the longest time counts', () => {
  const short: Status = { limit: [100, 1], duration: [0, 250_000_000] };
  const long: Status = { limit: [5, 2], duration: [42, 1] };
  const within: Status = { code: OK, limit: [9, 4], duration: [86_000, 0] };
  const wanted = { waitMs: 42_001, rate: '5 each minute' };
  assert.deepEqual(exceededIn(short, long, within), wanted);
  assert.deepEqual(exceededIn(long, within, short), wanted);
  assert.deepEqual(exceededIn(short), { waitMs: 250, rate: '100 each second' });
  assert.equal(exceededIn(within), undefined);
});

test('a time or a rate that makes no sense is not told', () => {
  const durations: readonly (readonly [number, number])[] = [
    [0, 0],
    [-1, 0],
    [0, -1],
    [2 ** 52, 0],
    [1, 2 ** 40],
  ];
  for (const duration of durations)
    assert.deepEqual(exceededIn({ duration }), { waitMs: undefined, rate: '' }, String(duration));
  const year = 31_536_000;
  assert.deepEqual(exceededIn({ duration: [year, 0], limit: [1, 6] }), {
    // As much as grpc-retry-pushback-ms can say.
    waitMs: 2 ** 31 - 1,
    rate: '1 each year',
  });
  for (const limit of [
    [1, 0],
    [1, 99],
    [2 ** 40, 1],
  ] as const)
    assert.deepEqual(exceededIn({ limit }), { waitMs: undefined, rate: '' }, String(limit));
});

test('fields that a newer protocol adds are skipped, and a field of another type is not taken for one', () => {
  const newer = new ProtobufWriter()
    .number(1, OVER_LIMIT)
    .number(2, 7)
    .text(1, 'OK')
    .message(6, new ProtobufWriter().text(1, 'metadata'))
    .number(99, 1);
  const verdict = readLimitResponse(newer.bytes);
  assert.ok(typeof verdict === 'object');
  assert.deepEqual([verdict.isOverLimit, verdict.exceeded], [true, undefined]);
});

test('whatever the bytes are, nothing is thrown, and what cannot be read as a whole is no answer', () => {
  holds(
    property(uint8Array({ maxLength: 64 }), (bytes) => {
      const verdict = readLimitResponse(Buffer.from(bytes));
      assert.ok(typeof verdict === 'string' || typeof verdict.isOverLimit === 'boolean');
    }),
  );
  const whole = answer(OVER_LIMIT, { limit: [3, 1], duration: [1, 500_000_000] });
  for (let length = 3; length < whole.length; length++)
    assert.equal(typeof readLimitResponse(whole.subarray(0, length)), 'string', `${length} bytes`);
});
