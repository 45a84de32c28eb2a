// Which calls are sampled: by the flag of a parent that is followed, else by chance that the client has no part in.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallTracing, type CallTracingTerms } from '../../src/calls/call-tracing.ts';
import { TraceIds } from '../../src/calls/trace-ids.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';

const FORMATS = { w3c: true, grpcTraceBin: false };
/** Its trace id is the one that samplers like best. */
const PARENT = HeaderList.of(['traceparent', `00-${'f'.repeat(32)}-0000000100000002-01`]);
const NONE = new HeaderList();
const KIND = { trusted: false, isGrpc: true, isMethodNamed: false, httpMethod: 'POST' };
const CALLS = 20_000;

function tracing(terms: Partial<CallTracingTerms>): CallTracing {
  return new CallTracing({ formats: FORMATS, share: 0.25, parents: 'trusted', ...terms }, new TraceIds());
}

function sampledOf(by: CallTracing, request = NONE): number {
  let sampled = 0;
  for (let call = 0; call < CALLS; call++) if (by.begin(KIND, request).isSampled) sampled++;
  return sampled;
}

test('0 % is none, 100 % is all, and 25 % about a quarter', () => {
  assert.equal(sampledOf(tracing({ share: 0 })), 0);
  assert.equal(sampledOf(tracing({ share: 1 })), CALLS);
  const sampled = sampledOf(tracing({}));
  // Nine standard deviations.
  assert.ok(Math.abs(sampled - CALLS / 4) < 9 * Math.sqrt(CALLS * 0.25 * 0.75), String(sampled));
});

test('a trace that begins here is sampled by its id, as others would who compare its 56 random bits', () => {
  const by = tracing({});
  for (let call = 0; call < 1000; call++) {
    const { traceId, isSampled } = by.begin(KIND, NONE);
    assert.equal(isSampled, BigInt(`0x${traceId.slice(18)}`) >= 3n << 54n, traceId);
  }
});

test('a client that is not trusted has no say: neither by the flag, nor by the id', () => {
  const sampled = sampledOf(tracing({}), PARENT);
  assert.ok(Math.abs(sampled - CALLS / 4) < 9 * Math.sqrt(CALLS * 0.25 * 0.75), String(sampled));
  assert.equal(sampledOf(tracing({ share: 0 }), PARENT), 0);
});

test('the service is told that the trace id is random if the client says so, whether the call is sampled or not', () => {
  for (const [share, flags] of [
    [0, 0],
    [1, 1],
  ] as const)
    for (const random of [0, 2]) {
      const request = HeaderList.of(['traceparent', `00-${'f'.repeat(32)}-0000000100000002-0${random}`]);
      assert.equal(tracing({ share }).begin(KIND, request).flags, flags + random);
    }
});

test('every call has ids of its own, and every attempt', () => {
  const by = tracing({});
  const seen = new Set<string>();
  for (let call = 0; call < 2000; call++) {
    const trace = by.begin(KIND, call % 2 === 0 ? PARENT : NONE);
    trace.beginAttempt('a', 0);
    const first = trace.latestSpanId;
    trace.beginAttempt('b', 0);
    const ids = [trace.spanId, first, trace.latestSpanId];
    assert.deepEqual(
      trace.attempts.map(({ spanId }) => spanId),
      ids.slice(1),
    );
    if (call % 2 === 1) ids.push(trace.traceId);
    else assert.deepEqual([trace.traceId, trace.parentId], ['f'.repeat(32), '0000000100000002']);
    for (const id of ids) {
      assert.match(id, /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/);
      assert.ok(!seen.has(id));
      seen.add(id);
    }
  }
});
