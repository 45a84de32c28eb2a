// Streams of messages in one direction and in both, and who may end first.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { eventually } from '../support/eventually.ts';
import { bothListeners, startDemo, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { grpcMessage } from '../support/raw-frames.ts';

for (const listener of bothListeners) {
  test(`a server's stream arrives whole and in order (${listener})`, async (t) => {
    const demo = await startDemo(t);
    const proxy = await startProxy(t, { endpoints: [demo.address] });
    const outcome = await proxy
      .voiceClient(listener)
      .narrate({ text: 'one two three', repeat: 100, audioBytes: 3000 });
    assert.equal(outcome.code, status.OK, outcome.details);
    assert.deepEqual(
      outcome.replies.map(({ sequence }) => sequence),
      Array.from({ length: 300 }, (_, index) => index + 1),
    );
  });

  test(`a client's stream arrives whole (${listener})`, async (t) => {
    const demo = await startDemo(t);
    const proxy = await startProxy(t, { endpoints: [demo.address] });
    const chunks = Array.from({ length: 200 }, () => ({ audio: Buffer.alloc(4000) }));
    const outcome = await proxy.voiceClient(listener).transcribe(chunks);
    assert.equal(outcome.code, status.OK, outcome.details);
    assert.equal(outcome.reply?.chunks, 200);
    assert.equal(outcome.reply?.audioBytes, 800_000);
  });

  test(`500 chunks of 6,400 bytes at full speed come back byte for byte (${listener})`, async (t) => {
    const demo = await startDemo(t);
    const proxy = await startProxy(t, { endpoints: [demo.address] });
    const stream = proxy.voiceClient(listener).streamAudio();
    for (let sequence = 1; sequence <= 500; sequence++) {
      stream.send({ sequence, audio: Buffer.alloc(6400, sequence), returnAudio: true });
    }
    stream.finish();
    for (let sequence = 1; sequence <= 500; sequence++) {
      const event = await stream.next();
      assert.equal(event?.sequence, sequence);
      assert.ok(
        event.audio.equals(Buffer.alloc(6400, sequence)),
        `the audio of chunk ${sequence} was altered`,
      );
    }
    assert.equal(await stream.next(), undefined);
    assert.equal((await stream.outcome).code, status.OK);
  });
}

test('messages pass one by one in both directions while the call stays open', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, { endpoints: [demo.address] });
  const stream = proxy.voiceClient('tls').streamAudio();
  for (let sequence = 1; sequence <= 20; sequence++) {
    stream.send({ sequence, audio: Buffer.alloc(640) });
    assert.equal((await stream.next())?.sequence, sequence);
  }
  stream.finish();
  assert.equal((await stream.outcome).code, status.OK);
});

test('response headers reach the client before there is any message', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, { endpoints: [demo.address] });
  const stream = proxy.voiceClient('tls').streamAudio();
  await stream.headers;
  assert.equal(demo.counters.StreamAudio.started, 1);
  stream.finish();
  assert.equal((await stream.outcome).code, status.OK);
});

test('after the client has half-closed the service goes on sending', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const streamId = client.call({ body: grpcMessage(Buffer.from('question')) });
  const request = await upstream.wantRequest();
  await eventually('the half-close reaches the service', () => request.hasEnded);
  request.sendHeaders();
  for (const word of ['one', 'two', 'three']) request.sendMessage(Buffer.from(word));
  request.sendTrailers();
  const outcome = await client.outcome(streamId);
  assert.deepEqual(
    outcome.content,
    Buffer.concat(['one', 'two', 'three'].map((word) => grpcMessage(Buffer.from(word)))),
  );
  assert.deepEqual(outcome.trailers, [['grpc-status', '0']]);
});

test('an empty DATA frame with END_STREAM half-closes upstream at once', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  const streamId = client.call({ endStream: false });
  const request = await upstream.wantRequest();
  assert.equal(request.hasEnded, false);
  client.sendData(streamId, Buffer.alloc(0), true);
  await eventually('the half-close reaches the service', () => request.hasEnded);
  request.succeed();
  assert.equal((await client.outcome(streamId)).grpcStatus, '0');
});

test('a service that finishes first gives the sending client a complete, successful response', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => request.succeed(Buffer.from('early')),
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const streamId = client.call({ body: grpcMessage(Buffer.alloc(100)), endStream: false });
  const outcome = await client.outcome(streamId);
  assert.deepEqual(outcome.content, grpcMessage(Buffer.from('early')));
  assert.deepEqual(outcome.trailers, [['grpc-status', '0']]);
  // RFC 9113 section 8.1: the client need not send the rest, and no error is meant.
  const reset = await client.wantReset(streamId);
  assert.equal(reset.payload.readUInt32BE(0), 0);
  // What was under way already is taken without complaint, and the connection lives on.
  client.sendData(streamId, grpcMessage(Buffer.alloc(100)), true);
  const next = client.call();
  assert.equal((await client.outcome(next)).grpcStatus, '0');
});

test('a service that answers early to grpc-js, which still sends, is an ordinary success 100 times over', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = proxy.voiceClient('tls');
  const chunks = Array.from({ length: 20 }, () => ({ audio: Buffer.alloc(20_000) }));
  for (let round = 0; round < 100; round++) {
    const outcome = await client.transcribe(chunks);
    assert.equal(outcome.code, status.OK, `${round}: ${outcome.details}`);
  }
});

test('uploads that go on for a while after their early answers do not cost the client its connection', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const uploads = Array.from({ length: 60 }, () => client.call({ endStream: false }));
  for (const streamId of uploads) assert.equal((await client.outcome(streamId)).grpcStatus, '0');
  // Over a long way many other calls pass before the client learns that it may stop.
  for (let call = 0; call < 300; call++) await client.outcome(client.call());
  for (const streamId of uploads) client.sendData(streamId, grpcMessage(Buffer.alloc(10)));
  assert.equal((await client.outcome(client.call())).grpcStatus, '0');
  assert.equal(client.isClosed, false);
});

test('DATA is relayed as it comes, not held until a message is whole', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const message = grpcMessage(Buffer.from('in pieces'));
  const streamId = client.call({ endStream: false });
  const request = await upstream.wantRequest();
  request.sendHeaders();
  for (let size = 1; size <= message.length; size++) {
    client.sendData(streamId, message.subarray(size - 1, size));
    await eventually(`${size} bytes reach the service`, () => request.body.length === size);
    request.peer.sendData(streamId, message.subarray(size - 1, size));
    await eventually(`${size} bytes reach the client`, () => client.contentOf(streamId).length === size);
  }
  assert.deepEqual(request.body, message);
  assert.deepEqual(client.contentOf(streamId), message);
});
