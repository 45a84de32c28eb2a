// The lines of docs/tracing.md that print spans where no collector can be had.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { otlpHttpExporter } from '../../src/tracing/otlp-http-exporter.ts';
import type { Span } from '../../src/tracing/span.ts';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/tracing.md'), 'utf8');

const span: Span = {
  traceId: '1'.repeat(32),
  spanId: '2'.repeat(16),
  parentId: '',
  hasRemoteParent: false,
  state: '',
  kind: 'server',
  name: 'voice.VoiceAssistant/Say',
  startEpochMs: 1_800_000_000_000,
  endEpochMs: 1_800_000_000_002,
  attributes: { 'framegate.route': 'voice', 'framegate.attempts': 1 },
  events: [],
  error: undefined,
};

async function collector(t: TestContext): Promise<{ readonly url: string; printed: () => string }> {
  const [, script] = /^```js\n([^]*?)^```$/m.exec(page) ?? [];
  assert.ok(script !== undefined);
  const folder = mkdtempSync(join(tmpdir(), 'framegate-spans-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'spans.mjs');
  writeFileSync(file, script);
  const child: ChildProcess = spawn(process.execPath, [file, '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  let output = '';
  child.stdout?.on('data', (piece) => (output += String(piece)));
  const [, port] = await eventually(
    'the collector listens',
    () => /on port (\d+)\n/.exec(output) ?? undefined,
    START_TIMEOUT_MS,
  );
  return { url: `http://127.0.0.1:${port}/v1/traces`, printed: () => output };
}

test('the lines of docs/tracing.md print the spans that the exporter sends', async (t) => {
  const { url, printed } = await collector(t);
  const exporter = otlpHttpExporter({
    protocol: 'http',
    url,
    headers: new Map(),
    source: { service: 'framegate', version: '1', instance: 'a' },
  });
  t.after(() => exporter.close());
  const result = await exporter.export([span, { ...span, name: '_OTHER' }]);
  assert.deepEqual(result, { kind: 'exported', rejected: 0 });
  const lines = '\nvoice.VoiceAssistant/Say framegate.route=voice\n_OTHER framegate.route=voice\n';
  await eventually('both spans are printed', () => printed().endsWith(lines));
});

/** @returns a field of protobuf with a length */
function message(field: number, inner: Buffer): Buffer {
  return Buffer.concat([Buffer.from([field * 8 + 2, inner.length]), inner]);
}

test('they take a body in chunks, and go on after one that is no protobuf', async (t) => {
  const { url, printed } = await collector(t);
  const name = Buffer.from('in-chunks');
  const bytes = message(1, message(2, message(2, message(5, name))));
  for (const body of [Buffer.from('no protobuf \xff\xff'), bytes]) {
    const chunks = new ReadableStream({
      start(controller) {
        for (const byte of body) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    const response = await fetch(url, { method: 'POST', body: chunks, duplex: 'half' });
    assert.equal(response.status, 200);
  }
  await eventually('the span is printed', () => printed().endsWith('\nin-chunks \n'));
});
