// Pauses that a collector asks for before a batch is sent again.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import { otlpHttpExporter } from '../../src/tracing/otlp-http-exporter.ts';
import type { ExportResult } from '../../src/tracing/span-exporter.ts';

const SPAN = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  parentId: '',
  hasRemoteParent: false,
  state: '',
  kind: 'server',
  name: 'a call',
  startEpochMs: 1,
  endEpochMs: 2,
  attributes: {},
  events: [],
  error: undefined,
} as const;

interface Attempts {
  readonly result: ExportResult;
  readonly count: number;
  readonly warnings: readonly string[];
}

/** A collector that has no time at first, and says when it may have. */
async function exportTo(t: TestContext, retryAfter: string): Promise<Attempts> {
  let count = 0;
  const collector = createServer((request, response) => {
    request.resume();
    count++;
    if (count === 1) response.writeHead(503, { 'retry-after': retryAfter }).end();
    else response.writeHead(200).end();
  });
  collector.listen(0, '127.0.0.1');
  await once(collector, 'listening');
  t.after(() => collector.close());
  const address = collector.address();
  assert.ok(typeof address === 'object' && address !== null);
  const warnings: string[] = [];
  const onWarning = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', onWarning);
  t.after(() => process.off('warning', onWarning));
  const exporter = otlpHttpExporter({
    protocol: 'http',
    url: `http://127.0.0.1:${address.port}/v1/traces`,
    headers: new Map(),
    source: { service: 's', version: '1', instance: 'one' },
  });
  t.after(() => exporter.close());
  const result = await exporter.export([SPAN]);
  return { result, count, warnings };
}

for (const retryAfter of ['0', '-5', '-99999999999999']) {
  test(`a collector that asks for a pause of ${retryAfter} s makes no timer of less than nothing`, async (t) => {
    const { result, count, warnings } = await exportTo(t, retryAfter);
    assert.deepEqual(result, { kind: 'exported', rejected: 0 });
    assert.equal(count, 2);
    assert.deepEqual(warnings, []);
  });
}

test('a collector that asks for more time than a batch has ends the attempts', async (t) => {
  const { result, count, warnings } = await exportTo(t, '99999999999');
  assert.equal(result.kind, 'failed');
  assert.equal(count, 1);
  assert.deepEqual(warnings, []);
});

for (const retryAfter of ['Sun, 06 Nov 1994 08:49:37 GMT', 'soon'])
  test(`a collector that asks for a pause until ${retryAfter} is not asked again at once`, async (t) => {
    const beganAtMs = performance.now();
    const { result, count, warnings } = await exportTo(t, retryAfter);
    assert.deepEqual([result.kind, count, warnings], ['exported', 2, []]);
    // The exporter's own first pause is a second, 20 % more or less.
    assert.ok(performance.now() - beganAtMs >= 700);
  });

test('a collector that asks for a second is asked again', async (t) => {
  const { result, count } = await exportTo(t, '1');
  assert.deepEqual([result.kind, count], ['exported', 2]);
});
