// framegate tap while the process that decodes for it is busy, stopped or gone.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { childOf, isAlive, noProcessTree } from '../support/process-tree.ts';
import { type FakeProxy, send, startFakeProxy, Tapping } from '../support/tapping.ts';

const VOICE = join(import.meta.dirname, '../../proto/voice.proto');
const skip = noProcessTree;

interface Decoding {
  readonly tapping: Tapping;
  readonly fake: FakeProxy;
  /** The process that decodes now. */
  decoder(): Promise<number>;
}

async function startDecoding(t: TestContext): Promise<Decoding> {
  const fake = await startFakeProxy(t);
  const tapping = new Tapping(t, ['--admin', fake.admin, '--proto', VOICE]);
  await tapping.shows('CLIENT');
  return { tapping, fake, decoder: () => childOf(tapping.child.pid ?? 0) };
}

function sendMessage({ fake }: Decoding, bytes: Buffer, facts: object = {}): void {
  const message = {
    event: 'message',
    method: '/voice.VoiceAssistant/Say',
    direction: 'request',
    number: 1,
    sizeBytes: bytes.length,
    bytes: bytes.toString('base64'),
  };
  for (const stream of fake.streams) send(stream, { ...message, ...facts });
}

const text = (said: string): Buffer => Buffer.concat([Buffer.from([10, said.length]), Buffer.from(said)]);

test('a request is shown as the page about tap has it', async (t) => {
  const decoding = await startDecoding(t);
  const page = readFileSync(join(import.meta.dirname, '../../docs/tap.md'), 'utf8');
  const example = /  message {2}request 1 .* \/voice\.VoiceAssistant\/Say .*\n {4}(\{.*\})\n/.exec(page)?.[1];
  assert.ok(example !== undefined, 'the page has an example');
  // Field 3 is reply_audio_bytes: 30000.
  sendMessage(decoding, Buffer.concat([text('hello'), Buffer.from([0x18, 0xb0, 0xea, 0x01])]));
  await decoding.tapping.shows('"hello"');
  assert.ok(decoding.tapping.stdout.includes(example), decoding.tapping.stdout);
});

test('SIGINT ends tap and its decoder although that does not answer', { skip }, async (t) => {
  const decoding = await startDecoding(t);
  const pid = await decoding.decoder();
  process.kill(pid, 'SIGSTOP');
  sendMessage(decoding, text('never shown'));
  decoding.tapping.child.kill('SIGINT');
  assert.equal(await decoding.tapping.exitCode(), 0);
  await eventually('the decoder has ended', () => !isAlive(pid), START_TIMEOUT_MS);
});

test('a decoder that does not answer is replaced, and the messages behind are decoded', {
  skip,
}, async (t) => {
  const decoding = await startDecoding(t);
  const pid = await decoding.decoder();
  process.kill(pid, 'SIGSTOP');
  sendMessage(decoding, text('never shown'));
  sendMessage(decoding, text('behind'));
  await decoding.tapping.shows('{"text":"behind"}');
  assert.match(decoding.tapping.stdout, /not decoded: it could not be decoded in time \(2 s\)\n[^]*behind/);
  assert.doesNotMatch(decoding.tapping.stdout, /never shown/);
  assert.equal(isAlive(pid), false);
});

test('a decoder that has ended is started again with the next message', { skip }, async (t) => {
  const decoding = await startDecoding(t);
  const pid = await decoding.decoder();
  process.kill(pid, 'SIGKILL');
  await eventually('it has ended', () => !isAlive(pid), START_TIMEOUT_MS);
  sendMessage(decoding, text('first'));
  sendMessage(decoding, text('second'));
  await decoding.tapping.shows('{"text":"second"}');
});

test('messages that would have very many values are refused, and a signal among them is heard', async (t) => {
  const decoding = await startDecoding(t);
  // Field 12 of no message here: unknown fields become objects, too.
  const bomb = gzipSync(Buffer.alloc(1_000_000, Buffer.from([0x62, 0])));
  for (let index = 0; index < 300; index++)
    sendMessage(decoding, bomb, { compressed: true, encoding: 'gzip' });
  await decoding.tapping.shows('more than 50000 values');
  decoding.tapping.child.kill('SIGINT');
  assert.equal(await decoding.tapping.exitCode(), 0);
});

test('tap keeps running while it reads nothing because a service is asked that does not answer', async (t) => {
  const silent = createServer((socket) => t.after(() => socket.destroy())).listen(0, '127.0.0.1');
  t.after(() => silent.close());
  await once(silent, 'listening');
  const bound = silent.address();
  assert.ok(typeof bound === 'object' && bound !== null);
  const fake = await startFakeProxy(t);
  const tapping = new Tapping(t, ['--admin', fake.admin, '--reflection', `127.0.0.1:${bound.port}`]);
  await tapping.shows('CLIENT');
  const message = { event: 'message', method: '/a.B/C', direction: 'request', bytes: 'A'.repeat(60_000) };
  for (let index = 0; index < 100; index++) for (const stream of fake.streams) send(stream, message);
  await tapping.shows('cannot be asked for descriptors');
  tapping.child.kill('SIGINT');
  assert.equal(await tapping.exitCode(), 0);
});
