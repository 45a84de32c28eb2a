// An endpoint that speaks HTTP/1.1: who has its places, when it is tried again, and connections that nobody wants any more.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, type ServerResponse } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { Address } from '../../../src/config/address.ts';
import { endpointAt } from '../../../src/config/endpoint-update.ts';
import {
  addressOf,
  EdgeUnderTest,
  listen,
  RawHttp1Client,
  startService,
} from '../../edges/edge-under-test.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';

/** Holds each request until it is told otherwise. */
async function startHolding(t: TestContext) {
  const held: ServerResponse[] = [];
  const service = await startService(t, (_request, response) => held.push(response));
  return { address: service.address, held };
}

function get(t: TestContext, edge: EdgeUnderTest): RawHttp1Client {
  return new RawHttp1Client(t, edge.port).send('GET / HTTP/1.1', 'Host: a', '');
}

/** The address of a port where nobody listens, and what makes a service of it. */
async function startLater(t: TestContext): Promise<readonly [Address, () => Promise<void>]> {
  const port = await freePort();
  const start = async (): Promise<void> => {
    const server = createHttpServer((_request, response) => response.end('here at last'));
    t.after(() => server.close());
    t.after(() => server.closeAllConnections());
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  return [addressOf(port), start];
}

test('who tried an endpoint in vain and waits for another is served when that one leaves', async (t) => {
  const full = await startHolding(t);
  const [address, start] = await startLater(t);
  const edge = await EdgeUnderTest.start(t, { endpoints: [full.address], connections: { max: 1 } });
  get(t, edge);
  await eventually('its place is taken', () => full.held.length === 1);
  edge.upstream.use([address, full.address].map(endpointAt));
  const waiting = get(t, edge);
  await eventually('it waits', () => edge.upstream.pendingCount === 1);
  await start();
  edge.upstream.use([address].map(endpointAt));
  await waiting.receives('here at last');
});

test('a call that waits is given to an endpoint that failed often, as soon as it is there again', async (t) => {
  const full = await startHolding(t);
  const [address, start] = await startLater(t);
  const edge = await EdgeUnderTest.start(t, { endpoints: [address], connections: { max: 12 } });
  // All at once: each failure would make the next try come later.
  const refused = Array.from({ length: 12 }, () => get(t, edge));
  for (const client of refused) await client.receives(' 503 ');
  edge.upstream.use([full.address, address].map(endpointAt));
  for (let held = 0; held < 12; held++) get(t, edge);
  await eventually('the other is full', () => full.held.length === 12);
  const waiting = get(t, edge);
  await eventually('it waits', () => edge.upstream.pendingCount === 1);
  await start();
  await waiting.receives('here at last');
});

test('a connection that is being made for a request that is given up is given up with it', async (t) => {
  const sockets = new Set<Socket>();
  let made = 0;
  const server = createServer((socket) => {
    made++;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.resume();
  });
  const address = addressOf(await listen(t, server));
  const tls = { ca: undefined, cert: undefined, key: undefined, serverName: undefined };
  const edge = await EdgeUnderTest.start(t, {
    endpoints: [address],
    upstream: { tls },
    connections: { max: 2, connectTimeoutMs: 600_000 },
  });
  for (let round = 1; round <= 20; round++) {
    const client = get(t, edge);
    await eventually('the handshake has begun', () => made === round);
    client.socket.destroy();
    await eventually('the connection is given up', () => sockets.size === 0);
  }
  assert.deepEqual(edge.failures, [], 'nobody says that the endpoint has failed');
  assert.equal(edge.upstream.endpoints[0].isFailing, false);
});

test('calls at an endpoint that has left take nobody’s place, and none of them is ended for others', async (t) => {
  const [leaves, stays] = [await startHolding(t), await startHolding(t)];
  const edge = await EdgeUnderTest.start(t, { endpoints: [leaves.address], connections: { max: 4 } });
  const clients = Array.from({ length: 3 }, () => get(t, edge));
  await eventually('all are there', () => leaves.held.length === 3);
  const { shares } = edge.upstream;
  assert.equal(shares.heldCount, 3);
  edge.upstream.use([stays.address].map(endpointAt));
  assert.equal(shares.heldCount, 0);
  edge.upstream.use([stays.address, leaves.address].map(endpointAt));
  assert.equal(shares.heldCount, 3, 'they count again when it comes back');
  edge.upstream.use([stays.address].map(endpointAt));
  for (const response of leaves.held) response.end('whole');
  for (const client of clients) await client.receives('whole');
  await eventually('it is forgotten', () => edge.upstream.allEndpoints.length === 1);
  assert.equal(shares.heldCount, 0);
});

test('a call that cannot reach one endpoint is served by another, tries none twice, and the next ones go there at once', async (t) => {
  // Neither of them is tried again within this test, however long it takes.
  t.mock.method(performance, 'now', () => 1_000_000);
  const service = await startService(t, (_request, response) => response.end('served'));
  const [dead, alsoDead] = [addressOf(await freePort()), addressOf(await freePort())];
  const edge = await EdgeUnderTest.start(t, { endpoints: [dead, alsoDead, service.address] });
  const attempts: number[] = [];
  for (let call = 0; call < 6; call++) {
    await get(t, edge).receives('served');
    attempts.push((await edge.record()).attempts);
  }
  assert.deepEqual(attempts, [3, 1, 1, 1, 1, 1]);
  edge.upstream.use([dead, alsoDead].map(endpointAt));
  await get(t, edge).receives(' 503 ');
  assert.equal((await edge.record()).attempts, 2);
  await eventually('no place is taken', () => edge.upstream.shares.heldCount === 0);
  const [, second] = edge.upstream.endpoints;
  // It has seen nothing of them.
  assert.deepEqual([second.counts.answered, second.counts.givenUp, second.counts.failed], [0, 0, 0]);
});

test('the end of an upstream tells those that wait', async (t) => {
  const full = await startHolding(t);
  const edge = await EdgeUnderTest.start(t, { endpoints: [full.address], connections: { max: 1 } });
  get(t, edge);
  await eventually('its place is taken', () => full.held.length === 1);
  const waiting = get(t, edge);
  await eventually('it waits', () => edge.upstream.pendingCount === 1);
  edge.upstream.destroy('stopped');
  await waiting.receives(' 503 ');
});

test('a request that cannot be said in HTTP/1.1 is not the endpoint’s failure', async (t) => {
  const service = await startService(t, (_request, response) => response.end('served'));
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const stream = edge.h2(t).request({ ':method': 'brew', ':path': '/', ':authority': 'a' });
  stream.on('error', () => undefined);
  const [headers] = await once(stream, 'response');
  assert.equal(headers[':status'], 400);
  const { failed, givenUp } = edge.upstream.endpoints[0].counts;
  assert.deepEqual([failed, givenUp], [0, 1]);
});

test('the client of a gRPC call that cannot be said in HTTP/1.1 gets INTERNAL with the code of the page', async (t) => {
  const service = await startService(t, (_request, response) => response.end('served'));
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const fields = { ':method': 'brew', ':path': '/', ':authority': 'a', 'content-type': 'application/grpc' };
  const stream = edge.h2(t).request(fields);
  stream.on('error', () => undefined);
  const [headers] = await once(stream, 'response');
  assert.equal(headers['grpc-status'], '13');
  assert.match(String(headers['grpc-message']), /has no form in HTTP\/1\.1.* \(FG1015\)$/);
});
