// A running proxy whose admin server needs a token: whom it answers, whom it refuses, and that nothing shows the token.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { type ProxyUnderTest, startProxy } from '../support/proxy-under-test.ts';

const token = 'a-token-that-is-long-enough';
const bearer = { authorization: `Bearer ${token}` };

interface Received {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Ask = (path: string, headers?: Readonly<Record<string, string>>, method?: string) => Promise<Received>;

interface Guarded {
  readonly proxy: ProxyUnderTest;
  readonly port: number;
  readonly ask: Ask;
}

async function startGuarded(t: TestContext, host: string): Promise<Guarded> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-token-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'token');
  writeFileSync(file, `${token}\n`);
  const sections = { admin: { address: `${host}:0`, token: { file } } };
  const proxy = await startProxy(t, { sections });
  const { address } = await proxy.line(({ msg }) => msg === 'admin server listens');
  const port = Number(String(address).split(':').at(-1));
  const ask: Ask = async (path, headers = {}, method = 'GET') => {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    request({ host: '127.0.0.1', port, path, method, headers, agent: false }, resolve)
      .on('error', reject)
      .end();
    const response = await promise;
    return { status: response.statusCode, headers: response.headers, body: await readText(response) };
  };
  return { proxy, port, ask };
}

/** Sends two requests in one write. @returns everything that comes until the connection is closed */
function askTwice(port: number, ...tokens: readonly [string, string]): Promise<string> {
  const head = 'GET /metrics HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ';
  const socket = connect(port, '127.0.0.1');
  socket.write(tokens.map((each) => `${head}${each}\r\n\r\n`).join(''));
  return readText(socket);
}

test('probes are told without a token whether the proxy runs and is ready', async (t) => {
  const { ask } = await startGuarded(t, '0.0.0.0');
  assert.equal((await ask('/live')).status, 200);
  assert.equal((await ask('/ready', {}, 'HEAD')).status, 200);
});

test('nothing else is answered without the token, not even which pages there are', async (t) => {
  const { ask } = await startGuarded(t, '0.0.0.0');
  for (const path of [
    '/metrics',
    '/api/config',
    '/api/upstreams/voice/endpoints',
    '/',
    '/nowhere',
    '/live/',
  ]) {
    const { status, headers, body } = await ask(path);
    assert.deepEqual([status, headers['www-authenticate']], [401, 'Bearer realm="framegate"'], path);
    assert.doesNotMatch(body, /GET/);
  }
  for (const path of ['/api/reload', '/api/drain', '/live/../api/drain'])
    assert.equal((await ask(path, {}, 'POST')).status, 401, path);
});

test('the page that asks for the token is there without it, whatever name the browser knows the server by', async (t) => {
  const { ask } = await startGuarded(t, '0.0.0.0');
  const accept = 'text/html,application/xhtml+xml';
  for (const host of ['127.0.0.1', 'framegate.voice.svc:9901']) {
    // 503 where the page is not built.
    const { status, body } = await ask('/', { accept, host });
    assert.ok(status === 200 || status === 503, `${status} for ${host}`);
    assert.doesNotMatch(body, /long-enough/);
    assert.equal((await ask('/assets/nothing.js', { host })).status, status === 200 ? 404 : 503);
    assert.equal((await ask('/', { accept, host }, 'POST')).status, host.startsWith('127') ? 401 : 421);
  }
});

test('every other credential is refused, and a connection tries one token', async (t) => {
  const { ask, port, proxy } = await startGuarded(t, '0.0.0.0');
  const others = ['', 'Bearer', token, `Basic ${token}`, `Bearer ${token}x`, `Bearer ${token} x`];
  await Promise.all(
    others.map(async (authorization) => {
      const { status, headers, body } = await ask('/metrics', { authorization });
      assert.deepEqual([status, headers.connection], [401, 'close'], authorization);
      assert.match(String(headers['www-authenticate']), /error="invalid_token"/);
      assert.doesNotMatch(body, /long-enough/);
    }),
  );
  assert.deepEqual((await askTwice(port, 'wrong', token)).match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 401']);
  const lines = proxy.lines();
  const refusals = lines.filter(({ msg }) => String(msg).includes('refused requests without its token'));
  assert.deepEqual(
    refusals.map(({ missing, wrong }) => [missing, wrong]),
    [[0, 1]],
  );
  assert.doesNotMatch(JSON.stringify(lines), /long-enough/);
});

test('everything is answered with the token, whatever name the client knows the server by', async (t) => {
  const { ask } = await startGuarded(t, '0.0.0.0');
  assert.equal((await ask('/metrics', bearer)).status, 200);
  assert.equal((await ask('/metrics', { authorization: `bearer  ${token}` })).status, 200);
  const host = 'framegate.voice.svc:9901';
  const shown = await ask('/api/config', { ...bearer, host });
  assert.equal(shown.status, 200);
  assert.doesNotMatch(shown.body, /long-enough/);
  assert.equal((await ask('/api/config', { host })).status, 421);
  assert.equal((await ask('/api/reload', { ...bearer, origin: 'http://web.example' }, 'POST')).status, 403);
});

test('without a token in the configuration, the page is no exception for names that are not those of the server', async (t) => {
  const proxy = await startProxy(t, { sections: { admin: { address: '127.0.0.1:0' } } });
  const { address } = await proxy.line(({ msg }) => msg === 'admin server listens');
  const port = Number(String(address).split(':').at(-1));
  const { promise, resolve } = Promise.withResolvers<IncomingMessage>();
  const headers = { host: 'evil.example', accept: 'text/html' };
  request({ host: '127.0.0.1', port, path: '/', headers, agent: false }, resolve).end();
  const response = await promise;
  response.resume();
  assert.equal(response.statusCode, 421);
});

test('on loopback, only requests that change something need the token', async (t) => {
  const { ask } = await startGuarded(t, '127.0.0.1');
  assert.equal((await ask('/api/config')).status, 200);
  const path = '/api/upstreams/voice/endpoints';
  assert.equal((await ask('/api/drain', {}, 'POST')).status, 401);
  assert.equal((await ask(path, {}, 'DELETE')).status, 401);
  // Refused for another reason: the endpoints of this upstream are in the configuration.
  assert.equal((await ask(path, bearer, 'DELETE')).status, 409);
});
