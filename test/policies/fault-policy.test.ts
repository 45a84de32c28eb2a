// Which calls a `fault` concerns, and what it does to them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reasonOf } from '../../src/calls/failure.ts';
import type { FaultConfig } from '../../src/config/fault-config.ts';
import { GrpcStatus } from '../../src/grpc/status.ts';
import { type FaultedCall, faultPolicy, injecting } from '../../src/policies/fault-policy.ts';
import { NO_PARTS } from '../support/plans-without-parts.ts';

const NONE: FaultConfig = {
  share: 1,
  header: undefined,
  delayMs: undefined,
  abort: undefined,
  resetAfter: undefined,
  throttleBytesPerSecond: undefined,
};

interface Asked {
  /** The token of the refusal, or 'passes', or 'waits'. */
  readonly verdict: string;
  readonly log: readonly string[];
}

function ask(fault: FaultConfig, client: { trusted?: boolean; header?: string } = {}, random = 0): Asked {
  const log: string[] = [];
  const { trusted = false, header } = client;
  const call: FaultedCall = {
    trusted,
    header: (name) => (name === 'x-fault' ? header : undefined),
    noteFault: ({ text }) => void log.push(text),
    resetAfter: ({ messages, direction }) => void log.push(`resets after ${messages} of ${direction}`),
    limitFlow: ({ request, response }) =>
      void log.push(...[request, response].map(({ rates: [{ counts, text }] }) => `${counts}: ${text}`)),
  };
  let verdict = 'passes';
  const questioner = {
    admit: () => undefined,
    refuse: ({ token }: { token: string }) => {
      verdict = token;
    },
  };
  const pending = injecting(fault, NO_PARTS.quotas, () => random).ask(call, questioner);
  return { verdict: pending === undefined ? verdict : 'waits', log };
}

test('a route without faults has no such policy', () => {
  assert.equal(faultPolicy(undefined, NO_PARTS), undefined);
});

test('the share is drawn once for each call', () => {
  const fault = { ...NONE, share: 0.25, abort: { httpStatus: 503 } };
  assert.equal(ask(fault, {}, 0.249).verdict, 'fault_injected');
  assert.deepEqual(ask(fault, {}, 0.25), { verdict: 'passes', log: [] });
  assert.equal(ask({ ...fault, share: 0 }, {}, 0).verdict, 'passes');
  assert.equal(ask({ ...fault, share: 1 }, {}, 0.999).verdict, 'fault_injected');
});

test('with a header, only calls of trusted clients that carry it have the fault', () => {
  const fault = { ...NONE, header: 'x-fault', abort: { grpcStatus: 'ABORTED' } };
  assert.equal(ask(fault, { trusted: true, header: '' }).verdict, 'fault_injected');
  assert.equal(ask(fault, { trusted: false, header: 'yes' }).verdict, 'passes');
  assert.equal(ask(fault, { trusted: true }).verdict, 'passes');
  assert.equal(ask({ ...fault, share: 0.5 }, { trusted: true, header: 'yes' }, 0.7).verdict, 'passes');
});

test('both directions of a throttled call are paced, after the delay', () => {
  const limit = 'bytes: 16384 bytes in 1 s (fault.throttle of the route)';
  const throttleBytesPerSecond = 16_384;
  assert.deepEqual(ask({ ...NONE, throttleBytesPerSecond }), {
    verdict: 'passes',
    log: ['throttle to 16384 bytes in 1 s', limit, limit],
  });
  assert.deepEqual(ask({ ...NONE, throttleBytesPerSecond, share: 0.5 }, {}, 0.7).log, []);
  assert.deepEqual(ask({ ...NONE, throttleBytesPerSecond, delayMs: 5 }), {
    verdict: 'waits',
    log: ['delay of 5 ms'],
  });
});

test('all that is injected is noted, and nothing before it is', () => {
  const abort = { grpcStatus: 'UNAVAILABLE' };
  assert.deepEqual(ask({ ...NONE, delayMs: 200, abort }), { verdict: 'waits', log: ['delay of 200 ms'] });
  assert.deepEqual(ask({ ...NONE, abort }), { verdict: 'fault_injected', log: ['abort with UNAVAILABLE'] });
  const resetAfter = { messages: 2, direction: 'request' } as const;
  assert.deepEqual(ask({ ...NONE, resetAfter }), { verdict: 'passes', log: ['resets after 2 of request'] });
});

const STATUSES: readonly [
  abort: NonNullable<FaultConfig['abort']>,
  grpcStatus: number,
  httpStatus: number,
][] = [
  [{ grpcStatus: 'UNAVAILABLE' }, GrpcStatus.UNAVAILABLE, 503],
  [{ grpcStatus: 'NOT_FOUND' }, GrpcStatus.NOT_FOUND, 404],
  [{ grpcStatus: 'DATA_LOSS' }, GrpcStatus.DATA_LOSS, 500],
  [{ httpStatus: 503 }, GrpcStatus.UNAVAILABLE, 503],
  [{ httpStatus: 401 }, GrpcStatus.UNAUTHENTICATED, 401],
  [{ httpStatus: 418 }, GrpcStatus.UNKNOWN, 418],
];

for (const [abort, grpcStatus, httpStatus] of STATUSES)
  test(`each client gets a status of its protocol: ${Object.values(abort)[0]}`, () => {
    const policy = injecting({ ...NONE, abort }, NO_PARTS.quotas);
    const seen: unknown[] = [];
    const call: FaultedCall = {
      trusted: false,
      header: () => undefined,
      noteFault: () => undefined,
      limitFlow: () => undefined,
      resetAfter: () => assert.fail('it is aborted'),
    };
    policy.ask(call, {
      admit: () => assert.fail('it must be refused'),
      refuse: (cause) => void seen.push([cause.grpcStatus, cause.httpStatus, reasonOf(cause).split(':')[0]]),
    });
    assert.deepEqual(seen, [[grpcStatus, httpStatus, 'fault_injected']]);
  });
