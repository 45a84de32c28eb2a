// One record for every exchange, also for those that were refused or cut off, with exactly these fields.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { type AccessRecord, startDemo, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import { startSocketServer } from '../support/raw-server.ts';

const variable = ['time', 'pid', 'hostname', 'client', 'durationMs', 'requestId'] as const;

/** The fields that are the same at every run; the others are checked for their form and left out. */
function fixedFields(record: AccessRecord): Readonly<Record<string, unknown>> {
  assert.equal(typeof record['time'], 'number');
  assert.ok(Number(record['durationMs']) >= 0);
  assert.match(String(record['client']), /^(127\.0\.0\.1|\[::1\]):\d+$/);
  assert.match(String(record['requestId']), /^[0-9a-f]{32}$/);
  const left = new Set<string>(variable);
  return Object.fromEntries(Object.entries(record).filter(([name]) => !left.has(name)));
}

const common = {
  level: 30,
  msg: 'exchange finished',
  listener: 'clear',
  tls: '',
  authority: 'service.test',
  route: 'all',
  upstream: 'voice',
  httpStatus: 200,
};

test('the record of a success has every field, and there is one', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequestEnd: (request) => {
      request.sendHeaders();
      request.sendMessage(Buffer.alloc(10));
      request.sendMessage(Buffer.alloc(20));
      request.sendTrailers();
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  const body = Buffer.concat([
    grpcMessage(Buffer.alloc(1)),
    grpcMessage(Buffer.alloc(2)),
    grpcMessage(Buffer.alloc(0)),
  ]);
  await client.outcome(client.call({ path: '/a.B/C', body }));
  assert.deepEqual(fixedFields(await proxy.record()), {
    ...common,
    method: '/a.B/C',
    endpoint: upstream.address,
    grpcStatus: 'OK',
    requestBytes: 18,
    responseBytes: 40,
    requestMessages: 3,
    responseMessages: 2,
    attempts: 1,
    endedBy: 'upstream',
    reason: '',
  });
  assert.equal(proxy.records().length, 1);
});

test('the record of a call over TLS names the version', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, { endpoints: [demo.address] });
  await proxy.voiceClient('tls').say({ text: 'hello' });
  const record = await proxy.record();
  assert.equal(record['tls'], 'TLSv1.3');
  assert.equal(record['listener'], 'tls');
  assert.equal(record['authority'], `localhost:${proxy.port('tls')}`);
});

for (const form of ['Trailers-Only', 'trailers'] as const) {
  test(`the record of an error of the service in ${form} names the status, and the service as who ended it`, async (t) => {
    const upstream = await startRawUpstream(t, {
      onRequestEnd: (request) => {
        if (form === 'trailers') {
          request.sendHeaders();
          request.sendTrailers([['grpc-status', '5']]);
          return;
        }
        request.sendTrailers([
          [':status', '200'],
          ['content-type', 'application/grpc'],
          ['grpc-status', '5'],
        ]);
      },
    });
    const proxy = await startProxy(t, { endpoints: [upstream.address] });
    const client = await proxy.rawClient('clear');
    await client.outcome(client.call({ path: '/a.B/C' }));
    assert.deepEqual(fixedFields(await proxy.record()), {
      ...common,
      method: '/a.B/C',
      endpoint: upstream.address,
      grpcStatus: 'NOT_FOUND',
      requestBytes: 0,
      responseBytes: 0,
      requestMessages: 0,
      responseMessages: 0,
      attempts: 1,
      endedBy: 'upstream',
      reason: '',
    });
  });
}

test('the record of a cancelled call names the client as who ended it, and its code', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.sendHeaders() });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  const streamId = client.call({ path: '/a.B/C', body: grpcMessage(Buffer.alloc(5)), endStream: false });
  await client.wantHeaders(streamId);
  client.sendReset(streamId, 8);
  // On a slow machine the call may be blocked for a second before, which the record then says.
  const { reason, blockedBy: _, ...fields } = fixedFields(await proxy.record());
  assert.match(String(reason), /^The client reset the call \(CANCEL\)\./);
  assert.deepEqual(fields, {
    ...common,
    method: '/a.B/C',
    endpoint: upstream.address,
    grpcStatus: 'CANCELLED',
    requestBytes: 10,
    responseBytes: 0,
    requestMessages: 1,
    responseMessages: 0,
    attempts: 1,
    endedBy: 'downstream',
  });
});

test('the record of a call whose client disconnected says so', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  client.call({ path: '/a.B/C', endStream: false });
  await upstream.wantRequest();
  client.destroy();
  const record = fixedFields(await proxy.record());
  assert.equal(record['grpcStatus'], 'CANCELLED');
  assert.equal(record['endedBy'], 'downstream');
  assert.equal(record['httpStatus'], 0);
  assert.match(String(record['reason']), /^The client's connection is gone: /);
});

test('the record of a call without a route has neither route nor endpoint, and the reason', async (t) => {
  const proxy = await startProxy(t, {
    sections: { routes: [{ match: { path: '/known.Service/*' }, upstream: 'voice' }] },
  });
  const client = await proxy.rawClient('clear');
  await client.outcome(client.call({ path: '/a.B/C', body: grpcMessage(Buffer.alloc(5)) }));
  const {
    reason,
    requestBytes: _bytes,
    requestMessages: _messages,
    ...fields
  } = fixedFields(await proxy.record());
  assert.deepEqual(fields, {
    ...common,
    method: '/a.B/C',
    route: '',
    upstream: '',
    endpoint: '',
    grpcStatus: 'UNIMPLEMENTED',
    responseBytes: 0,
    responseMessages: 0,
    attempts: 0,
    endedBy: 'framegate',
    code: 'FG3001',
  });
  assert.match(
    String(reason),
    /^no_route: No route of listener "clear" matches \/a\.B\/C \(host service\.test\)/,
  );
});

test('the record of a call to an upstream that is down has no attempt, and the reason', async (t) => {
  const down = await startSocketServer(() => undefined);
  down.close();
  const proxy = await startProxy(t, { endpoints: [down.address] });
  const client = await proxy.rawClient('clear');
  await client.outcome(client.call({ path: '/a.B/C' }));
  assert.deepEqual(fixedFields(await proxy.record()), {
    ...common,
    method: '/a.B/C',
    endpoint: '',
    grpcStatus: 'UNAVAILABLE',
    requestBytes: 0,
    responseBytes: 0,
    requestMessages: 0,
    responseMessages: 0,
    attempts: 0,
    endedBy: 'framegate',
    code: 'FG2001',
    reason: `upstream_connection_refused: ${down.address} refused the connection: is the service running there?`,
  });
});

test('messages are counted in whatever pieces they come', async (t) => {
  const demo = await startDemo(t);
  const proxy = await startProxy(t, { endpoints: [demo.address] });
  const stream = proxy.voiceClient('tls').streamAudio();
  for (let sequence = 1; sequence <= 100; sequence++) {
    stream.send({ sequence, audio: Buffer.alloc(sequence * 500), returnAudio: true });
  }
  stream.finish();
  await stream.outcome;
  const record = await proxy.record();
  assert.equal(record['requestMessages'], 100);
  assert.equal(record['responseMessages'], 100);
  assert.ok(Number(record['requestBytes']) > 2_525_000);
  assert.ok(Number(record['responseBytes']) > 2_525_000);
});

test('every one of many exchanges of all kinds has exactly one record', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      const kind = Number(request.field('x-kind'));
      if (kind === 0) request.succeed();
      if (kind === 1) request.reset(2);
      if (kind === 2) request.reset(7);
      if (kind === 3) request.sendTrailers([[':status', '502']]);
      if (kind === 4) request.sendHeaders([['x', 'no status']]);
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const count = 120;
  for (let call = 0; call < count; call++) {
    const streamId = client.call({ path: `/a.B/${call}`, fields: [['x-kind', String(call % 6)]] });
    // The sixth kind is never answered, and cancelled.
    if (call % 6 === 5) client.sendReset(streamId, 8);
    else await client.outcome(streamId);
  }
  await eventually('there is a record of each', () => proxy.records().length >= count);
  await client.outcome(client.call({ path: '/a.B/last', fields: [['x-kind', '0']] }));
  await proxy.record(({ method }) => method === '/a.B/last');
  assert.equal(proxy.records().length, count + 1);
  assert.equal(new Set(proxy.records().map(({ method }) => method)).size, count + 1);
});

test('without log.access there are no records', async (t) => {
  const upstream = await startRawUpstream(t, { onRequest: (request) => request.succeed() });
  const proxy = await startProxy(t, { endpoints: [upstream.address], sections: { log: { access: false } } });
  const client = await proxy.rawClient('clear');
  await client.outcome(client.call());
  await proxy.line(({ msg }) => msg === 'connected to the endpoint');
  assert.equal(proxy.records().length, 0);
});
