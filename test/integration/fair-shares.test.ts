// The places of an upstream, of which one client may take all as long as nobody else wants one: streams of an HTTP/2
// service, connections of an HTTP/1.1 service. Who waits has turns by client, and what is idle gives way.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { parseConfig } from '../../src/config/load-config.ts';
import { SettingId } from '../../src/h2/settings.ts';
import { listen } from '../edges/edge-under-test.ts';
import { eventually } from '../support/eventually.ts';
import {
  type ProxySettings,
  type ProxyUnderTest,
  proxyConfigText,
  startProxyOf,
  startRawUpstream,
} from '../support/proxy-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import type { RawServer } from '../support/raw-server.ts';

const PLACES = 8;
/** Shorter than the configuration allows. */
const IDLE_MS = 200;
const HOG = '127.0.0.66';
const OTHER = '127.0.0.7';

async function startWith(t: TestContext, settings: ProxySettings): Promise<ProxyUnderTest> {
  const loaded = parseConfig(await proxyConfigText(settings), 'test.yaml');
  assert.ok('config' in loaded, JSON.stringify(loaded));
  const { config } = loaded;
  return startProxyOf(t, { ...config, limits: { ...config.limits, stallTimeoutMs: IDLE_MS } });
}

/** Begins each response and does not end it. */
async function startOpenService(t: TestContext): Promise<RawServer> {
  return startRawUpstream(t, {
    settings: [[SettingId.MAX_CONCURRENT_STREAMS, PLACES / 2]],
    onRequest: (request) => request.sendHeaders(),
  });
}

/** Calls that are answered and then idle. */
async function openCalls(client: RawClient, count: number, forwardedFor?: string): Promise<number[]> {
  const fields = forwardedFor === undefined ? [] : ([['x-forwarded-for', forwardedFor]] as const);
  const streams = Array.from({ length: count }, () => client.call({ endStream: false, fields }));
  for (const stream of streams) await client.wantHeaders(stream);
  return streams;
}

test('a client that is alone has all streams of a service, for as long as it likes', async (t) => {
  const service = await startOpenService(t);
  const proxy = await startWith(t, { endpoints: [service.address], connections: { max: 2 } });
  const client = await proxy.rawClient('clear', { localAddress: HOG });
  const streams = await openCalls(client, PLACES);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  for (const stream of streams) assert.equal(client.outcomeSoFar(stream).resetCode, undefined);
  assert.equal(proxy.records().length, 0);
});

test('idle streams of who holds the most give way to a client that waits, those in use do not', async (t) => {
  const service = await startOpenService(t);
  const proxy = await startWith(t, { endpoints: [service.address], connections: { max: 2 } });
  const hog = await proxy.rawClient('clear', { localAddress: HOG });
  const streams = await openCalls(hog, PLACES);
  const [voice] = streams;
  const talking = setInterval(() => hog.sendData(voice, Buffer.alloc(200)), 20);
  t.after(() => clearInterval(talking));
  const other = await proxy.rawClient('clear', { localAddress: OTHER });
  await openCalls(other, 3);
  const record = await proxy.record(({ reason }) => reason.startsWith('idle_gave_way: '));
  assert.equal(record.grpcStatus, 'RESOURCE_EXHAUSTED');
  const ended = streams.filter((stream) => hog.outcomeSoFar(stream).grpcStatus !== undefined);
  assert.equal(ended.length, 3);
  assert.match(hog.outcomeSoFar(ended[0]).grpcMessage, /others waited for a place at this upstream/);
  assert.ok(!ended.includes(voice), 'the stream in use runs on');
  const line = await proxy.line(({ token }) => token === 'idle_gave_way');
  assert.deepEqual([line['client'], line['upstream']], [HOG, 'voice']);
});

test('of a trusted peer each client that it names has a share of its own', async (t) => {
  const service = await startOpenService(t);
  const proxy = await startWith(t, {
    endpoints: [service.address],
    connections: { max: 2 },
    trustedClients: ['127.0.0.0/8'],
  });
  const balancer = await proxy.rawClient('clear');
  await openCalls(balancer, PLACES, '203.0.113.1');
  await openCalls(balancer, 2, '10.0.0.1, 203.0.113.2:4711');
  const line = await proxy.line(({ token }) => token === 'idle_gave_way');
  assert.equal(line['client'], '203.0.113.1');
});

test('a claim of a client that is not trusted makes it nobody else', async (t) => {
  const service = await startOpenService(t);
  const proxy = await startWith(t, { endpoints: [service.address], connections: { max: 2 } });
  const client = await proxy.rawClient('clear', { localAddress: HOG });
  await openCalls(client, PLACES, '203.0.113.1');
  client.call({ endStream: false, fields: [['x-forwarded-for', '203.0.113.2']] });
  await new Promise((resolve) => setTimeout(resolve, 2500));
  assert.equal(proxy.records().length, 0, 'nobody gave way: there is one client');
});

test('the queue has turns by client: who has many calls in it does not keep others waiting', async (t) => {
  const service = await startOpenService(t);
  const proxy = await startWith(t, {
    endpoints: [service.address],
    connections: { max: 1, maxPending: 40 },
  });
  const hog = await proxy.rawClient('clear', { localAddress: HOG });
  await openCalls(hog, PLACES / 2);
  for (let index = 0; index < 40; index++) hog.call({ path: '/waits', endStream: false });
  const other = await proxy.rawClient('clear', { localAddress: OTHER });
  const stream = other.call({ path: '/other', endStream: false });
  await eventually('the queue is full, and the newest call of its largest client was turned away', () =>
    proxy.records().some(({ reason }) => reason.startsWith('upstream_queue_full')),
  );
  service.requests[0].sendTrailers();
  service.requests[1].sendTrailers();
  await other.wantHeaders(stream);
  const waited = service.requests.slice(PLACES / 2).map((request) => request.field(':path'));
  assert.ok(waited.slice(0, 2).includes('/other'), waited.join());
});

/** Accepts every WebSocket, and sends back what it gets. */
async function startWebSockets(t: TestContext): Promise<string> {
  const server = createServer((_request, response) => response.end('hello'));
  server.on('upgrade', (request, socket: Socket) => {
    socket.on('error', () => undefined);
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
    socket.write([...head, `Sec-WebSocket-Accept: ${accept}`, '', ''].join('\r\n'));
    socket.pipe(socket);
  });
  return `127.0.0.1:${await listen(t, server)}`;
}

function webSocketUpstream(endpoint: string): ProxySettings {
  const upstreams = { voice: { protocol: 'http1', endpoints: [endpoint], connections: { max: PLACES } } };
  return { sections: { upstreams } };
}

/** Over HTTP/1.1, from this address. Resolves when it is open. */
async function openWebSocket(t: TestContext, proxy: ProxyUnderTest, localAddress: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: proxy.port('clear'), localAddress });
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  socket.write(
    'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  const [head] = await once(socket, 'data');
  assert.match(String(head), /^HTTP\/1\.1 101 /);
  return socket;
}

test('idle WebSockets of who holds the most give way to requests of others, those in use do not', async (t) => {
  const proxy = await startWith(t, webSocketUpstream(await startWebSockets(t)));
  const sockets = await Promise.all(Array.from({ length: PLACES }, () => openWebSocket(t, proxy, HOG)));
  const [inUse, ...idle] = sockets;
  inUse.resume();
  const talking = setInterval(() => inUse.write(Buffer.alloc(200)), 20);
  t.after(() => clearInterval(talking));
  for (const socket of idle) socket.resume();
  const other = await openWebSocket(t, proxy, OTHER);
  await eventually('an idle one was ended', () => idle.some(({ readableEnded }) => readableEnded));
  assert.equal(inUse.readableEnded, false);
  assert.equal(other.readableEnded, false);
  const record = await proxy.record(({ reason }) => reason.startsWith('idle_gave_way: '));
  assert.deepEqual([record['endedBy'], record['httpStatus']], ['framegate', 101]);
  const line = await proxy.line(({ token }) => token === 'idle_gave_way');
  assert.deepEqual([line['client'], line['upstream']], [HOG, 'voice']);
});

test('idle WebSockets over HTTP/2 give way as those over HTTP/1.1 do, and count for the same client', async (t) => {
  const proxy = await startWith(t, webSocketUpstream(await startWebSockets(t)));
  const origin = { host: '127.0.0.1', port: proxy.port('clear'), localAddress: HOG };
  const session = connectHttp2('http://127.0.0.1', { createConnection: () => connect(origin) });
  session.on('error', () => undefined);
  t.after(() => session.destroy());
  await once(session, 'remoteSettings');
  const ended: number[] = [];
  const streams = Array.from({ length: PLACES }, (_none, index) => {
    const stream = session.request(
      {
        ':method': 'CONNECT',
        ':protocol': 'websocket',
        ':path': '/chat',
        ':authority': 'a',
        'sec-websocket-version': '13',
        // Nobody believes it.
        'framegate-client': `203.0.113.${index}`,
      },
      { endStream: false },
    );
    stream.on('error', () => undefined);
    stream.on('close', () => ended.push(index));
    return stream;
  });
  for (const stream of streams) await once(stream, 'response');
  await openWebSocket(t, proxy, OTHER);
  const line = await proxy.line(({ token }) => token === 'idle_gave_way');
  assert.equal(line['client'], HOG);
  await eventually('one was ended', () => ended.length === 1);
});
