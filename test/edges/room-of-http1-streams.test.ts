// The room that streams of HTTP/1.1 say they have is what they take: of a client that does not read, and of a service without a connection.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Http1Call } from '../../src/edges/http1-call.ts';
import { Http1Reply } from '../../src/edges/http1-reply.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { Containment } from '../../src/transport/containment.ts';
import { Http1Attempt } from '../../src/upstreams/http1/http1-attempt.ts';
import { RecordingListener } from '../support/attempt-parts.ts';
import { eventually } from '../support/eventually.ts';
import { takesItsRoom, takesNothing } from '../support/room-of-stream.ts';
import { EdgeUnderTest, startService } from './edge-under-test.ts';

const CONTAINMENT = new Containment('http1_client', (_layer, error) => {
  throw error;
});

/** The call of a client that reads nothing until the test lets it. Its response has begun. */
async function startCall(t: TestContext): Promise<{ readonly call: Http1Call; readonly client: Socket }> {
  const arrived = Promise.withResolvers<[IncomingMessage, ServerResponse]>();
  const server = createServer((...arrival) => arrived.resolve(arrival));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const bound = server.address();
  assert.ok(bound !== null && typeof bound === 'object');
  const client = connect(bound.port, '127.0.0.1');
  client.on('error', () => undefined);
  t.after(() => client.destroy());
  client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  const [request, response] = await arrived.promise;
  const call = new Http1Call({
    request,
    answer: new Http1Reply(response, CONTAINMENT),
    containment: CONTAINMENT,
    hasBody: false,
    limits: { headerFields: 10, headerListBytes: 1000 },
    onClosed: () => undefined,
  });
  call.sendHeaders(HeaderList.of([':status', '200']), false);
  return { call, client };
}

test('a client of HTTP/1.1 that does not read has no room, and has some again once it reads', async (t) => {
  const { call, client } = await startCall(t);
  assert.equal(call.roomBytes, Number.POSITIVE_INFINITY);
  for (let pieces = 0; call.roomBytes > 0; pieces++) {
    assert.equal(pieces < 10_000, true);
    takesItsRoom(call, 'a client that does not read');
  }
  takesNothing(call, 'a client that does not read');
  client.resume();
  await eventually('there is room', () => call.roomBytes === Number.POSITIVE_INFINITY);
  takesItsRoom(call, 'a client that reads');
});

test('a response of HTTP/1.1 that has ended has no room', async (t) => {
  const { call } = await startCall(t);
  call.sendData(Buffer.from('x'), 0, 1, true);
  takesNothing(call, 'an ended response');
});

test('a client of HTTP/1.1 that is gone has no room', async (t) => {
  const { call } = await startCall(t);
  call.destroy();
  takesNothing(call, 'a client that is gone');
});

test('a service of HTTP/1.1 has no room before there is a connection to it, nor behind the end', async (t) => {
  const service = await startService(t, () => undefined);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const call = {
    fields: HeaderList.of([':method', 'POST'], [':path', '/'], [':authority', 'a']),
    endStream: false,
    client: '',
    callFields: () => [],
    onOpen: () => undefined,
  };
  const holding = edge.upstream.shares.holdingOf('', undefined, true);
  const attempt = new Http1Attempt(edge.upstream.endpoints[0], call, holding, new RecordingListener());
  t.after(() => attempt.release());
  takesNothing(attempt, 'an attempt that has not begun');
  attempt.begin();
  await eventually('there is a connection', () => attempt.roomBytes === Number.POSITIVE_INFINITY);
  takesItsRoom(attempt, 'an attempt with a connection');
  attempt.sendData(Buffer.alloc(0), 0, 0, true);
  takesNothing(attempt, 'an attempt whose request has ended');
});
