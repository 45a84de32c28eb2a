// One request, one reply, with grpc-js at both ends, over TLS and plaintext.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { bothListeners, startDemo, startProxy } from '../support/proxy-under-test.ts';

const fourMebibytes = 4 * 1024 * 1024;

for (const listener of bothListeners) {
  test(`a unary call is answered (${listener})`, async (t) => {
    const demo = await startDemo(t);
    const proxy = await startProxy(t, { endpoints: [demo.address] });
    const outcome = await proxy.voiceClient(listener).say({ text: 'hello' });
    assert.equal(outcome.code, status.OK, outcome.details);
    assert.equal(outcome.reply?.text, 'You said: hello');
  });

  test(`messages of 4 MiB pass whole both ways (${listener})`, async (t) => {
    const demo = await startDemo(t);
    const proxy = await startProxy(t, { endpoints: [demo.address] });
    const audio = Buffer.alloc(fourMebibytes, 'audio');
    const outcome = await proxy.voiceClient(listener).say({ audio, replyAudioBytes: fourMebibytes });
    assert.equal(outcome.code, status.OK, outcome.details);
    assert.equal(outcome.reply?.receivedAudioBytes, fourMebibytes);
    assert.equal(outcome.reply?.audio.length, fourMebibytes);
  });
}

test('many unary calls at once on one connection each get their own answer', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, { endpoints: [demo.address] });
  const client = proxy.voiceClient('tls');
  const texts = Array.from({ length: 300 }, (_, index) => `number ${index}`);
  const outcomes = await Promise.all(texts.map((text) => client.say({ text })));
  assert.deepEqual(
    outcomes.map(({ reply }) => reply?.text),
    texts.map((text) => `You said: ${text}`),
  );
});
