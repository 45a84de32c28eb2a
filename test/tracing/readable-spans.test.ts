// Spans as OpenTelemetry's exporters get them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReadableSpans } from '../../src/tracing/readable-spans.ts';
import type { Span } from '../../src/tracing/span.ts';

const SOURCE = { service: 'framegate', version: '1', instance: 'one' };

function span(startEpochMs: number, endEpochMs: number): Span {
  return {
    traceId: '1'.repeat(32),
    spanId: '2'.repeat(16),
    parentId: '3'.repeat(16),
    hasRemoteParent: false,
    state: '',
    kind: 'internal',
    name: 'open',
    startEpochMs,
    endEpochMs,
    attributes: {},
    events: [],
    error: undefined,
  };
}

/** @returns start and end in nanoseconds since the Unix epoch */
async function timesOf(startEpochMs: number, endEpochMs: number): Promise<readonly [bigint, bigint]> {
  const times: (readonly [bigint, bigint])[] = [];
  const result = await new ReadableSpans(SOURCE).export(
    {
      export: (spans, done) => {
        for (const { startTime, endTime } of spans)
          times.push([nanoseconds(startTime), nanoseconds(endTime)]);
        done({ code: 0 });
      },
    },
    [span(startEpochMs, endEpochMs)],
  );
  assert.deepEqual(result, { kind: 'exported', rejected: 0 });
  return times[0];
}

function nanoseconds([seconds, rest]: readonly [number, number]): bigint {
  assert.ok(rest >= 0 && rest < 1e9, `${rest} is no rest of a second`);
  return BigInt(seconds) * 1_000_000_000n + BigInt(rest);
}

test('each span ends after its start, by a nanosecond if both are the same', async () => {
  const at = 1_800_000_000_000;
  // The second time is in the last nanosecond of a second. Times of today are not exact enough for that.
  for (const [startMs, endMs] of [
    [at, at],
    [999.999_999_9, 999.999_999_9],
    [at + 0.25, at + 0.25],
    [at + 1, at],
  ] as const) {
    const [start, end] = await timesOf(startMs, endMs);
    assert.equal(end - start, 1n, `${startMs} to ${endMs}`);
  }
});

test('a span that ends after its start keeps both times', async () => {
  const second = 1_800_000_000n * 1_000_000_000n;
  assert.deepEqual(await timesOf(1_800_000_000_000.5, 1_800_000_000_001), [
    second + 500_000n,
    second + 1_000_000n,
  ]);
  assert.deepEqual(await timesOf(1_800_000_000_999, 1_800_000_001_000), [
    second + 999_000_000n,
    second + 1_000_000_000n,
  ]);
});
