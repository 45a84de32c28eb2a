// What clients over the limit of a rate limit service are told.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reasonOf } from '../../../src/calls/failure.ts';
import type { LimitServiceConfig } from '../../../src/config/limits-config.ts';
import { overLimit } from '../../../src/policies/limit-service/limit-service-failures.ts';

const LIMIT: LimitServiceConfig = {
  kind: 'service',
  service: 'limiter',
  domain: 'voice',
  descriptors: [],
  timeoutMs: 200,
  failure: 'closed',
};
const ANSWER = {
  isOverLimit: true,
  responseFields: [],
  requestFields: [],
  body: Buffer.alloc(0),
};

for (const [waitMs, wait] of [
  [1500, 'in 1500 ms'],
  [60_000, 'in 60 s'],
  [596_466, 'in 10 minutes'],
  [2 ** 31 - 1, 'in 597 hours'],
  [undefined, 'later'],
] as const)
  test(`a client over the limit for ${waitMs} ms is told to call again ${wait}, and its program the exact time`, () => {
    const failure = overLimit(
      { index: 0, limit: LIMIT },
      { ...ANSWER, exceeded: { rate: '3 each year', waitMs } },
    );
    assert.equal(failure.message, `Too many calls (3 each year may be made); call again ${wait}.`);
    assert.equal(failure.retryAfterMs, waitMs);
  });

for (const [body, says] of [
  ['slow down', 'slow down. The service of upstream limiter says so'],
  ['Slow down!', 'Slow down! The service of upstream limiter says so'],
] as const)
  test(`what the service says ends like a sentence in the log: ${body}`, () => {
    const verdict = { ...ANSWER, body: Buffer.from(body), exceeded: undefined };
    const failure = overLimit({ index: 0, limit: LIMIT }, verdict);
    assert.equal(failure.message, body);
    assert.ok(reasonOf(failure).startsWith(`call_limit: ${says}`), reasonOf(failure));
  });
