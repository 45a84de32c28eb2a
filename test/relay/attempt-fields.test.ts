// The time that an attempt says a call has left, by a clock of the test.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestIds } from '../../src/calls/request-id.ts';
import { parseGrpcTimeout } from '../../src/grpc/timeout.ts';
import { HpackDecoder } from '../../src/h2/hpack/decoder.ts';
import { attemptFields, attemptTextFields, type FieldSource } from '../../src/relay/attempt-fields.ts';
import { CallFields } from '../../src/relay/call-fields.ts';
import type { RelayContext } from '../../src/relay/relay-context.ts';
import type { RequestHead } from '../../src/relay/request-head.ts';
import { standIn } from '../support/stand-in.ts';

const IDS = new RequestIds();
const CONTEXT = standIn<RelayContext>({ callFields: new CallFields(IDS), requestIds: IDS });

/** A call with a timeout of ten seconds, at a moment of its life. */
function callAt(durationMs: number): FieldSource {
  const subject = standIn<RequestHead>({ timeoutMs: 10_000, timeoutText: '10S', previousAttempts: 0 });
  return { subject, requestId: 'of the client', changes: undefined, durationMs, retries: 0 };
}

function toldOverHttp2(durationMs: number): string {
  const { bytes, length } = attemptFields(callAt(durationMs), CONTEXT, '');
  const decoder = new HpackDecoder({ maxTableSizeBytes: 4096, maxListSizeBytes: 10_000, maxFields: 10 });
  return decoder.decode(bytes, 0, length).valueAt(0);
}

function toldOverHttp1(durationMs: number): string {
  const [, value = ''] = attemptTextFields(callAt(durationMs), CONTEXT);
  return value;
}

test('after any wait the service is told what is left to the millisecond, and never less', () => {
  for (const durationMs of [1, 12.4, 244, 999.9, 5000, 9999.5]) {
    const leftMs = 10_000 - durationMs;
    for (const told of [toldOverHttp2(durationMs), toldOverHttp1(durationMs)]) {
      const toldMs = parseGrpcTimeout(told);
      assert.ok(toldMs !== undefined && toldMs >= leftMs && toldMs <= leftMs + 1, `${told} for ${leftMs} ms`);
    }
  }
});

test('a call that has not waited is passed on with the text of its client', () => {
  assert.deepEqual([toldOverHttp2(0), toldOverHttp2(0.9)], ['10S', '10S']);
  assert.deepEqual([toldOverHttp1(0), toldOverHttp1(0.9)], ['10S', '10S']);
});

test('a call without time is sent with the least there is', () => {
  assert.deepEqual([toldOverHttp2(10_001), toldOverHttp1(12_000)], ['1n', '1n']);
});
