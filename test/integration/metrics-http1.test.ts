// What does not speak gRPC counts in the same metrics, once, whichever way it came and wherever it went.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { listen, RawHttp1Client } from '../edges/edge-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { type MetricSample, readMetrics, sumOf } from '../support/metrics-reader.ts';
import { type ProxyUnderTest, startProxy } from '../support/proxy-under-test.ts';
import { websocketAccept } from '../support/websocket-accept.ts';

const TOTAL = 'framegate_exchanges_total';

interface Web {
  readonly proxy: ProxyUnderTest;
  readonly endpoint: string;
  readonly read: () => Promise<readonly MetricSample[]>;
}

/** A service with pages of five bytes, which sends WebSockets what it gets from them. */
async function startWeb(t: TestContext): Promise<Web> {
  const server = createServer((_request, response) => response.end('12345'));
  server.on('upgrade', (request, socket: Socket) => {
    const accept = websocketAccept(String(request.headers['sec-websocket-key']));
    socket.on('error', () => undefined);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.pipe(socket);
  });
  const endpoint = `127.0.0.1:${await listen(t, server)}`;
  const proxy = await startProxy(t, {
    sections: {
      upstreams: { voice: { protocol: 'http1', endpoints: [endpoint] } },
      admin: { address: '127.0.0.1:0' },
    },
  });
  const { address } = await proxy.line(({ msg }) => msg === 'admin server listens');
  return { proxy, endpoint, read: () => readMetrics(String(address)) };
}

function finished({ read }: Web, count: number): Promise<readonly MetricSample[]> {
  return eventually(`${count} exchanges are finished`, async () => {
    const samples = await read();
    return sumOf(samples, TOTAL) === count && samples;
  });
}

test('a page for an HTTP/1.1 client is one exchange without a gRPC status', async (t) => {
  const web = await startWeb(t);
  const client = new RawHttp1Client(t, web.proxy.port('clear'));
  client.send('POST /a HTTP/1.1', 'Host: a', 'Content-Length: 3', 'Connection: close', '').write('abc');
  await client.closed();
  const samples = await finished(web, 1);
  const labels = { listener: 'clear', route: 'all', upstream: 'voice', grpc_status: '' };
  assert.equal(sumOf(samples, TOTAL, labels), 1);
  assert.equal(sumOf(samples, 'framegate_bytes_total', { direction: 'request' }), 3);
  assert.equal(sumOf(samples, 'framegate_bytes_total', { direction: 'response' }), 5);
  assert.equal(sumOf(samples, 'framegate_messages_total'), 0);
});

test('a page for an HTTP/2 client is one exchange too, though it goes through this process twice', async (t) => {
  const web = await startWeb(t);
  const session = connectHttp2(`https://localhost:${web.proxy.port('tls')}`, { ca: web.proxy.caPem });
  t.after(() => session.destroy());
  const stream = session.request({ ':path': '/a' });
  stream.resume();
  await once(stream, 'close');
  const samples = await finished(web, 1);
  assert.equal(sumOf(samples, TOTAL, { listener: 'tls', grpc_status: '' }), 1);
  assert.equal(sumOf(samples, 'framegate_bytes_total', { direction: 'response' }), 5);
  const idle = { upstream: 'voice', endpoint: web.endpoint, state: 'idle' };
  assert.equal(sumOf(samples, 'framegate_upstream_connections', idle), 1);
  assert.equal(sumOf(samples, 'framegate_upstream_connections', { endpoint: web.endpoint }), 1);
  assert.equal(sumOf(samples, 'framegate_endpoint_healthy', { endpoint: web.endpoint }), 1);
});

test('a WebSocket counts while it is open', async (t) => {
  const web = await startWeb(t);
  const client = new RawHttp1Client(t, web.proxy.port('clear'));
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
  client.send('GET /chat HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket', key);
  client.send('Sec-WebSocket-Version: 13', '');
  await client.receives('101 Switching Protocols');
  client.write('hello');
  await client.receives('hello');
  const open = await web.read();
  assert.equal(sumOf(open, TOTAL), undefined);
  assert.equal(sumOf(open, 'framegate_exchanges_active'), 1);
  assert.equal(sumOf(open, 'framegate_downstream_connections', { listener: 'clear' }), 1);
  assert.equal(sumOf(open, 'framegate_bytes_total', { direction: 'request' }), 5);
  assert.equal(sumOf(open, 'framegate_bytes_total', { direction: 'response' }), 5);
  client.socket.destroy();
  const closed = await finished(web, 1);
  assert.equal(sumOf(closed, 'framegate_exchanges_active'), 0);
  assert.equal(sumOf(closed, 'framegate_bytes_total', { direction: 'request' }), 5);
});

test('the head of a request is decided once for those that follow it unchanged on their connection', async (t) => {
  const web = await startWeb(t);
  const client = new RawHttp1Client(t, web.proxy.port('clear'));
  for (const [path, decided] of [
    ['/a', 1],
    ['/a', 1],
    ['/b', 2],
  ] as const) {
    const before = client.text.length;
    client.send(`GET ${path} HTTP/1.1`, 'Host: a', '');
    await eventually('a response', () => client.text.length > before && client.text.endsWith('12345'));
    assert.equal(sumOf(await web.read(), 'framegate_request_decisions_total'), decided);
  }
});
