// What an HTTP/1.1 client may put into one segment, through the whole proxy: whatever it is, the proxy goes on, the answers come
// in their order, and nothing had to be contained.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { startService } from '../edges/edge-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { type ListenerName, type ProxyUnderTest, startProxy } from '../support/proxy-under-test.ts';

const WEBSOCKET = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a\r\n';

/** The first is served by nobody; behind it comes what leaves HTTP. */
const FIRST: Readonly<Record<string, readonly [bytes: string, status: string]>> = {
  'no Host': ['GET / HTTP/1.1\r\n\r\n', '400'],
  'two Hosts': ['GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', '400'],
  'an empty Host': ['GET / HTTP/1.1\r\nHost:\r\n\r\n', '400'],
  'an expectation that nobody knows': [`${POST}Expect: x\r\nContent-Length: 0\r\n\r\n`, '417'],
  'Expect: 100-continue at a gRPC route': [`${POST}Expect: 100-continue\r\nContent-Length: 1\r\n\r\n`, '426'],
  'Expect: 100-continue at a web route': [
    'POST /web/ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx',
    '100 200',
  ],
  'a web route': ['GET /web/ HTTP/1.1\r\nHost: a\r\n\r\n', '200'],
  'a web route behind empty lines': ['\r\n\r\nGET /web/ HTTP/1.1\r\nHost: a\r\n\r\n', '200'],
};
const THEN: Readonly<Record<string, string>> = {
  'a WebSocket': `GET / HTTP/1.1\r\nHost: a\r\n${WEBSOCKET}\r\n`,
  'a WebSocket without Host': `GET / HTTP/1.1\r\n${WEBSOCKET}\r\n`,
  'an offer of h2c': 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
  CONNECT: 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n',
  'a bad request': 'GET / HTTP/1.1\r\nbad\r\n\r\n',
  'HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
};

async function start(
  t: TestContext,
  limits: Readonly<Record<string, unknown>> = {},
): Promise<ProxyUnderTest> {
  const service = await startService(t, (request, response) => {
    request.resume();
    request.on('end', () => response.end('served'));
  });
  const routes = [
    { name: 'web', match: { path: '/web/*' }, upstream: 'web' },
    { name: 'grpc', match: { path: '/*' }, upstream: 'voice' },
  ];
  const upstreams = {
    voice: { endpoints: ['127.0.0.1:1'] },
    web: { endpoints: [service.address.text], protocol: 'http1' },
  };
  return startProxy(t, { sections: { routes, upstreams, limits } });
}

async function open(proxy: ProxyUnderTest, listener: ListenerName): Promise<Socket> {
  const port = proxy.port(listener);
  const socket =
    listener === 'clear'
      ? connect({ port, host: '127.0.0.1' })
      : connectTls({ port, host: 'localhost', ca: proxy.caPem, ALPNProtocols: ['http/1.1'] });
  await once(socket, listener === 'clear' ? 'connect' : 'secureConnect');
  return socket;
}

/** Everything the proxy says until it closes the connection, or for as long as `isWhole` does not hold. */
async function ask(
  proxy: ProxyUnderTest,
  listener: ListenerName,
  bytes: string,
  isWhole: (text: string) => boolean = () => false,
): Promise<string> {
  const socket = await open(proxy, listener);
  let text = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  socket.write(bytes);
  await eventually(
    `an end of ${JSON.stringify(bytes)}; there is ${text}`,
    () => socket.closed || isWhole(text),
  );
  socket.destroy();
  return text;
}

function statusesOf(text: string): string {
  return Array.from(text.matchAll(/HTTP\/1\.1 (\d+) /g), ([, status]) => status).join(' ');
}

for (const listener of ['clear', 'tls'] as const) {
  test(`one segment of many requests ends nothing but its connection, ${listener}`, async (t) => {
    const proxy = await start(t);
    for (const [first, [bytes, status]] of Object.entries(FIRST)) {
      for (const [then, more] of Object.entries(THEN)) {
        const text = await ask(proxy, listener, bytes + more);
        assert.ok(statusesOf(text).startsWith(status), `${first}, then ${then}: ${text}`);
      }
    }
    const other = await ask(proxy, listener, 'GET /web/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    assert.match(other, /^HTTP\/1\.1 200 OK\r\n[^]*served/);
    assert.ok(!proxy.lines().some(({ layer }) => layer !== undefined));
  });
}

function requestOf(bytes: number): string {
  return `GET /web/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Large: ${'x'.repeat(bytes)}\r\n\r\n`;
}

test('limits.headerListSize holds for HTTP/1.1, smaller and larger than the default, and is named', async (t) => {
  const small = await start(t, { headerListSize: '8KiB' });
  assert.match(await ask(small, 'clear', requestOf(7000)), /^HTTP\/1\.1 200 /);
  assert.match(await ask(small, 'clear', requestOf(8100)), /^HTTP\/1\.1 431 [^]*limits\.headerListSize/);
  assert.match(await ask(small, 'clear', requestOf(12_000)), /^HTTP\/1\.1 431 [^]*limits\.headerListSize/);
  const large = await start(t, { headerListSize: '64KiB' });
  assert.doesNotMatch(await ask(large, 'clear', requestOf(40_000)), /^HTTP\/1\.1 431 [^]*FG1016/);
  assert.match(await ask(large, 'clear', requestOf(70_000)), /^HTTP\/1\.1 431 [^]*limits\.headerListSize/);
});

test('every answer to an HTTP/1.1 client has a Date', async (t) => {
  const proxy = await start(t);
  for (const bytes of [
    'GET / HTTP/1.1\r\n\r\n',
    'CONNECT a:1 HTTP/1.1\r\n\r\n',
    'GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    'GET / HTTP/1.1\r\nbad\r\n\r\n',
    'GET /web/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  ]) {
    const text = await ask(proxy, 'clear', bytes);
    assert.match(
      text,
      /^HTTP\/1\.1 [^]*\r\ndate: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT\r\n/i,
      bytes,
    );
  }
});
