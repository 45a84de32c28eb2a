// The line that the exporter is told of a finished call.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TracedKind } from '../../src/calls/call-trace.ts';
import { CallTracing } from '../../src/calls/call-tracing.ts';
import type { ExchangeRecord } from '../../src/calls/exchange-record.ts';
import { TraceIds } from '../../src/calls/trace-ids.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { lineOfCall, readCall } from '../../src/tracing/finished-call.ts';
import { readSpans } from '../../src/tracing/span-lines.ts';
import { epochMsOf } from '../../src/transport/turn-clock.ts';

const KIND = { trusted: false, isGrpc: true, isMethodNamed: false, httpMethod: 'POST' };

function traced(kind: TracedKind = KIND) {
  const terms = { formats: { w3c: true, grpcTraceBin: false }, share: 1, parents: 'trusted' } as const;
  return new CallTracing(terms, new TraceIds()).begin(kind, new HeaderList());
}

function record(parts: Partial<ExchangeRecord> = {}, method = '/a.B/C'): ExchangeRecord {
  return {
    subject: {
      listener: 'public',
      client: '192.0.2.1:1234',
      clientKey: '192.0.2.1',
      clientAddress: '192.0.2.1',
      namesOtherClients: false,
      tls: 'TLSv1.3',
      authority: 'a.test',
      method,
      route: 'all',
      upstream: 'voice',
      kept: [],
    },
    number: 1,
    requestId: 1,
    endpoint: '192.0.2.2:1',
    grpcStatus: 'UNAVAILABLE',
    httpStatus: 200,
    startedAtEpochMs: 1_800_000_000_000.25,
    durationMs: 1.5,
    attempts: 2,
    endedBy: 'framegate',
    blockedBy: 'service',
    deadlineMs: 2000,
    reason: 'a_token: "quotes", \n breaks and ü',
    requestBytes: 1,
    responseBytes: 2,
    requestMessages: 3,
    responseMessages: 4,
    ...parts,
  };
}

test('a call is read as it was written, on one line', () => {
  const trace = traced();
  const first = trace.beginAttempt('192.0.2.2:1', 1000.125);
  first.event = { name: 'reset', detail: 'REFUSED_STREAM' };
  first.end('failed', 1001.5);
  first.end('answered', 2000);
  const second = trace.beginAttempt('192.0.2.3:1', 1002);
  second.grpcStatus = 'UNAVAILABLE';
  const dryRuns = [1, 2].map((limit) => ({
    kind: 'dryRun' as const,
    text: `would be refused by limits[${limit}]`,
  }));
  const faults = [{ kind: 'delay' as const, text: 'delay of 200 ms' }];
  const line = lineOfCall(record({ dryRuns, faults }), trace);
  assert.ok(!line.includes('\n'));
  const call = readCall(line);
  const {
    subject,
    number: _number,
    requestId: _requestId,
    endpoint: _endpoint,
    attempts,
    ...facts
  } = record();
  const {
    clientKey: _key,
    clientAddress: _address,
    namesOtherClients: _names,
    kept: _kept,
    ...shown
  } = subject;
  const { traceId, spanId } = trace;
  const [one, other] = trace.attempts;
  assert.deepEqual(call, {
    ...facts,
    ...shown,
    dryRun: 'would be refused by limits[1], would be refused by limits[2]',
    fault: 'delay of 200 ms',
    traceId,
    spanId,
    parentId: '',
    state: '',
    isGrpc: true,
    isMethodNamed: false,
    httpMethod: 'POST',
    attemptCount: attempts,
    attempts: [
      {
        spanId: one.spanId,
        endpoint: '192.0.2.2:1',
        beganEpochMs: epochMsOf(1000.125),
        endedEpochMs: epochMsOf(1001.5),
        outcome: 'failed',
        grpcStatus: '',
        event: 'reset',
        detail: 'REFUSED_STREAM',
      },
      {
        spanId: other.spanId,
        endpoint: '192.0.2.3:1',
        beganEpochMs: epochMsOf(1002),
        endedEpochMs: -1,
        outcome: '',
        grpcStatus: 'UNAVAILABLE',
        event: '',
        detail: '',
      },
    ],
  });
});

test('the line of a call says whether it is gRPC, and whether the configuration names its method', () => {
  for (const isGrpc of [true, false])
    for (const isMethodNamed of [true, false]) {
      const call = readCall(lineOfCall(record(), traced({ ...KIND, isGrpc, isMethodNamed })));
      assert.deepEqual([call.isGrpc, call.isMethodNamed], [isGrpc, isMethodNamed]);
    }
});

test('what clients and services choose is bounded', () => {
  const long = 'x'.repeat(100_000);
  const line = lineOfCall(record({ reason: long, grpcStatus: long }, `/${long}`), traced());
  assert.ok(line.length < 2500, String(line.length));
});

test('a line that is neither a call nor a span is an error', () => {
  const line = lineOfCall(record(), traced());
  assert.equal(readSpans(`${line}\n${line}`).length, 2);
  for (const text of [
    '',
    '[]',
    '{}',
    '1',
    line.slice(0, -1),
    line.replace('200', '"200"'),
    line.replace('true', '1'),
  ])
    assert.throws(() => readSpans(text), text);
});
