// RST_STREAM from the upstream, with every code, before and after the response has begun: it reaches the client once,
// and as what it means.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { ErrorCode, errorCodeName } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { eventually } from '../support/eventually.ts';
import { startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { grpcMessage, windowUpdateFrame } from '../support/raw-frames.ts';

/** gRPC over HTTP/2, section "Errors"; REFUSED_STREAM has tests of its own, since it may be tried again. */
const statusOfCode: ReadonlyMap<number, string> = new Map([
  [ErrorCode.NO_ERROR, 'INTERNAL'],
  [ErrorCode.PROTOCOL_ERROR, 'INTERNAL'],
  [ErrorCode.INTERNAL_ERROR, 'INTERNAL'],
  [ErrorCode.FLOW_CONTROL_ERROR, 'INTERNAL'],
  [ErrorCode.SETTINGS_TIMEOUT, 'INTERNAL'],
  [ErrorCode.STREAM_CLOSED, 'INTERNAL'],
  [ErrorCode.FRAME_SIZE_ERROR, 'INTERNAL'],
  [ErrorCode.CANCEL, 'CANCELLED'],
  [ErrorCode.COMPRESSION_ERROR, 'INTERNAL'],
  [ErrorCode.CONNECT_ERROR, 'INTERNAL'],
  [ErrorCode.ENHANCE_YOUR_CALM, 'RESOURCE_EXHAUSTED'],
  [ErrorCode.INADEQUATE_SECURITY, 'PERMISSION_DENIED'],
  [ErrorCode.HTTP_1_1_REQUIRED, 'INTERNAL'],
  [0xabcdef, 'INTERNAL'],
]);

for (const hasBegun of [false, true]) {
  const moment = hasBegun ? 'after the response has begun' : 'before the response';
  test(`a reset of the upstream ${moment} reaches the client once, with its code`, async (t) => {
    const codes = [...statusOfCode.keys()];
    const upstream = await startRawUpstream(t, {
      onRequest: (request) => {
        const code = codes[upstream.requests.length - 1];
        if (hasBegun) {
          request.sendHeaders();
          request.sendMessage(Buffer.from('begun'));
        }
        request.reset(code);
      },
    });
    const proxy = await startProxy(t, { endpoints: [upstream.address] });
    const client = await proxy.rawClient('tls');
    for (const code of codes) {
      const path = `/a.B/${code}`;
      const streamId = client.call({ path, endStream: false });
      const outcome = await client.outcome(streamId);
      const name = errorCodeName(code);
      // NO_ERROR would look like an ordinary end to those who do not wait for a status.
      const expected = code === ErrorCode.NO_ERROR ? ErrorCode.INTERNAL_ERROR : code;
      assert.equal(outcome.resetCode, expected, name);
      assert.equal(outcome.content.length, hasBegun ? grpcMessage(Buffer.from('begun')).length : 0, name);
      const record = await proxy.record(({ method }) => method === path);
      assert.equal(record.grpcStatus, statusOfCode.get(code), name);
      assert.equal(record['endedBy'], 'upstream', name);
    }
    await client.outcome(client.call({ path: '/a.B/last' }));
    assert.equal(client.frames.filter(({ type }) => type === FrameType.RST_STREAM).length, codes.length + 1);
    const echoes = upstream.peers[0].frames.filter(({ type }) => type === FrameType.RST_STREAM);
    assert.equal(echoes.length, 0, 'a reset was echoed to the upstream');
  });
}

test('grpc-js reads a relayed reset as the status it means', async (t) => {
  const codes = [
    ErrorCode.CANCEL,
    ErrorCode.ENHANCE_YOUR_CALM,
    ErrorCode.INADEQUATE_SECURITY,
    ErrorCode.INTERNAL_ERROR,
  ];
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => request.reset(codes[upstream.requests.length - 1]),
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = proxy.voiceClient('tls');
  for (const expected of ['CANCELLED', 'RESOURCE_EXHAUSTED', 'PERMISSION_DENIED', 'INTERNAL']) {
    assert.equal(status[(await client.say({})).code], expected);
  }
});

test('RST_STREAM with NO_ERROR behind trailers leaves the success as it is', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      request.succeed(Buffer.from('early'));
      request.reset(ErrorCode.NO_ERROR);
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  for (let call = 0; call < 50; call++) {
    const streamId = client.call({ body: grpcMessage(Buffer.alloc(1000)), endStream: false });
    const outcome = await client.outcome(streamId);
    assert.equal(outcome.grpcStatus, '0');
    assert.deepEqual(outcome.content, grpcMessage(Buffer.from('early')));
    assert.equal((await client.wantReset(streamId)).payload.readUInt32BE(0), ErrorCode.NO_ERROR);
  }
  await eventually('all are in the log', () => proxy.records().length === 50);
  assert.ok(proxy.records().every(({ grpcStatus }) => grpcStatus === 'OK'));
});

test('a reset behind trailers does not hurt a response that still waits for the client', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      request.sendHeaders();
      for (let message = 0; message < 10; message++) request.sendMessage(Buffer.alloc(10_000));
      request.sendTrailers();
      request.reset(ErrorCode.NO_ERROR);
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls', { givesCredit: false });
  const streamId = client.call({ endStream: false });
  await eventually('the window is used up', () => client.contentOf(streamId).length === 65_535);
  client.send(windowUpdateFrame(0, 1_000_000), windowUpdateFrame(streamId, 1_000_000));
  const outcome = await client.outcome(streamId);
  assert.equal(outcome.content.length, 10 * 10_005);
  assert.equal(outcome.grpcStatus, '0');
});

test('a reset in the middle of a response drops what the client has not taken', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      request.sendHeaders();
      for (let message = 0; message < 10; message++) request.sendMessage(Buffer.alloc(10_000));
      request.reset(ErrorCode.CANCEL);
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls', { givesCredit: false });
  const outcome = await client.outcome(client.call({ endStream: false }));
  assert.equal(outcome.resetCode, ErrorCode.CANCEL);
});
