// WebSockets of HTTP/2 clients (RFC 8441) through the whole proxy, to a service that knows only HTTP/1.1.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { listen } from '../edges/edge-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { type ProxyUnderTest, startProxy } from '../support/proxy-under-test.ts';

/** Sends back whatever it gets. */
async function startEcho(t: TestContext) {
  const sockets: Socket[] = [];
  const server = createServer((_request, response) => response.writeHead(403).end('not here'));
  server.on('upgrade', (request, socket: Socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    if (request.url === '/refused') {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 8\r\n\r\nnot here');
      return;
    }
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
    socket.write([...head, `Sec-WebSocket-Accept: ${accept}`, '', ''].join('\r\n'));
    socket.pipe(socket);
  });
  return { sockets, port: await listen(t, server) };
}

async function connectTo(t: TestContext, proxy: ProxyUnderTest): Promise<ClientHttp2Session> {
  const session = connect(`https://localhost:${proxy.port('tls')}`, { ca: proxy.caPem });
  session.on('error', () => undefined);
  t.after(() => session.destroy());
  await once(session, 'remoteSettings');
  return session;
}

function websocketTo(session: ClientHttp2Session, path: string) {
  const stream = session.request(
    {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':path': path,
      ':authority': 'a',
      'sec-websocket-version': '13',
    },
    { endStream: false },
  );
  stream.on('error', () => undefined);
  stream.setEncoding('latin1');
  const heard = { text: '' };
  stream.on('data', (text: string) => {
    heard.text += text;
  });
  return { stream, heard };
}

test('bytes go both ways, and the log has one exchange', async (t) => {
  const service = await startEcho(t);
  const upstreams = { voice: { protocol: 'http1', endpoints: [`127.0.0.1:${service.port}`] } };
  const proxy = await startProxy(t, { sections: { upstreams } });
  const session = await connectTo(t, proxy);
  const { stream, heard } = websocketTo(session, '/chat');
  const [headers] = await once(stream, 'response');
  assert.equal(headers[':status'], 200);
  assert.equal(headers['framegate-endpoint'], undefined);
  stream.write('hello');
  await eventually('the echo', () => heard.text === 'hello');
  stream.end();
  await eventually('the stream is over', () => stream.destroyed);
  const record = await proxy.record();
  assert.deepEqual(
    [record.method, record['requestBytes'], record['responseBytes'], record['endpoint']],
    ['/chat', 5, 5, `127.0.0.1:${service.port}`],
  );
});

for (const listener of ['clear', 'tls'] as const) {
  test(`a client of HTTP/1.1 that has ended still gets what was under way to it (${listener})`, async (t) => {
    const echo = await startEcho(t);
    const upstreams = { voice: { protocol: 'http1', endpoints: [`127.0.0.1:${echo.port}`] } };
    const proxy = await startProxy(t, { sections: { upstreams } });
    const port = proxy.port(listener);
    const options = { host: '127.0.0.1', port, allowHalfOpen: true };
    const socket =
      listener === 'tls'
        ? connectTls({ ...options, ca: proxy.caPem, servername: 'localhost', ALPNProtocols: ['http/1.1'] })
        : connectTcp(options);
    t.after(() => socket.destroy());
    let text = '';
    let isEnded = false;
    socket.setEncoding('latin1');
    socket.on('data', (piece: string) => {
      text += piece;
    });
    socket.on('end', () => {
      isEnded = true;
    });
    socket.write(
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await eventually('it is open', () => text.endsWith('\r\n\r\n'));
    text = '';
    const sent = 'x'.repeat(300_000);
    socket.end(sent);
    await eventually('the service has ended as well', () => isEnded);
    assert.equal(text.length, sent.length);
    await eventually('nothing is left', () => proxy.plane.load.calls === 0);
  });
}

test('a client that resets its WebSocket closes it at the service', async (t) => {
  const service = await startEcho(t);
  const upstreams = { voice: { protocol: 'http1', endpoints: [`127.0.0.1:${service.port}`] } };
  const proxy = await startProxy(t, { sections: { upstreams } });
  const { stream } = websocketTo(await connectTo(t, proxy), '/chat');
  await once(stream, 'response');
  stream.close(8);
  await eventually("the service's connection is closed", () => service.sockets[0].destroyed);
});

test('what the service answers instead of a WebSocket reaches the client', async (t) => {
  const service = await startEcho(t);
  const upstreams = { voice: { protocol: 'http1', endpoints: [`127.0.0.1:${service.port}`] } };
  const proxy = await startProxy(t, { sections: { upstreams } });
  const { stream, heard } = websocketTo(await connectTo(t, proxy), '/refused');
  const [headers] = await once(stream, 'response');
  await eventually('the text', () => heard.text === 'not here');
  assert.equal(headers[':status'], 403);
});
