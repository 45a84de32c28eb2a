// Errors of the service reach the client as they are: status, message, details, and the frames they came in.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { Flag, FrameType } from '../../src/h2/frame-type.ts';
import { startDemo, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';

const details = Buffer.from([0, 255, 8, 13, 10, 128]);
const message = 'Größe 100 % – naïve\r\n日本語';

for (const afterHeaders of [false, true]) {
  const form = afterHeaders ? 'in trailers' : 'as Trailers-Only';
  test(`every status reaches the client with message and details, ${form}`, async (t) => {
    const demo = await startDemo(t);
    const proxy = await startProxy(t, { endpoints: [demo.address] });
    const client = proxy.voiceClient('tls');
    for (let code = 1; code <= 16; code++) {
      const outcome = await client.fail({ code, message: `${message} ${code}`, details, afterHeaders });
      assert.equal(outcome.code, code);
      assert.equal(outcome.details, `${message} ${code}`);
      assert.deepEqual(outcome.trailingMetadata.get('error-detail-bin'), [details]);
    }
  });
}

test('an error after messages reaches the client behind them', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, { endpoints: [demo.address] });
  const failure = { code: status.DATA_LOSS, message: 'lost', details };
  const outcome = await proxy.voiceClient('tls').narrate({ text: 'one two', failure });
  assert.equal(outcome.replies.length, 2);
  assert.equal(outcome.code, status.DATA_LOSS);
  assert.equal(outcome.details, 'lost');
});

test('Trailers-Only stays one HEADERS frame with END_STREAM', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) =>
      request.sendTrailers([
        [':status', '200'],
        ['content-type', 'application/grpc'],
        ['grpc-status', '5'],
        ['grpc-message', 'not here'],
      ]),
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const streamId = client.call();
  await client.outcome(streamId);
  const frames = client.framesOf(streamId);
  assert.deepEqual(
    frames.map(({ type, flags }) => ({ type, endStream: (flags & Flag.END_STREAM) !== 0 })),
    [{ type: FrameType.HEADERS, endStream: true }],
  );
  assert.deepEqual(new Map(frames[0].fields).get('grpc-status'), '5');
});

test('grpc-message is not touched, however it is encoded', async (t) => {
  const messages = ['%E6%97%A5 %0A', 'broken %', '%zz %4', 'plain text', '\u00e4 byte', ''];
  const upstream = await startRawUpstream(t, {
    onRequest: (request) =>
      request.sendTrailers([
        [':status', '200'],
        ['content-type', 'application/grpc'],
        ['grpc-status', '13'],
        ['grpc-message', messages[upstream.requests.length - 1]],
      ]),
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  for (const expected of messages) {
    const streamId = client.call();
    const fields = await client.wantHeaders(streamId);
    assert.equal(new Map(fields).get('grpc-message'), expected);
  }
});

test('a status outside the known ones is passed on as it is', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, { endpoints: [demo.address] });
  const outcome = await proxy.voiceClient('tls').fail({ code: 99, message: 'unheard of' });
  assert.equal(outcome.details, 'unheard of');
});

test('a status whose message ends in a space arrives as it is', async (t) => {
  // gRPC's percent-encoding leaves spaces alone, and messages such as this one are common.
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      request.sendHeaders();
      request.sendTrailers([
        ['grpc-status', '9'],
        ['grpc-message', 'cannot open: '],
      ]);
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const outcome = await client.outcome(client.call());
  assert.equal(outcome.grpcStatus, '9');
  assert.equal(outcome.grpcMessage.trim(), 'cannot open:');
});
