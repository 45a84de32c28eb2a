// The commands never send the token of the admin server: they sign requests, and a signature is good for one request on its connection.

import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type AdminServer, openAdminServer } from '../../src/admin/admin-server.ts';
import { readEvents } from '../../src/cli/event-source.ts';
import type { Address } from '../../src/config/address.ts';
import { isSignedBy, NONCE_FIELD, signatureOf, tokenDigest } from '../../src/config/signed-request.ts';
import type { AdminTarget } from '../../src/control/admin-target.ts';
import { askAdmin } from '../../src/control/ask-admin.ts';
import { listen } from '../edges/edge-under-test.ts';
import { portOf } from '../support/admin-grpc.ts';
import { adminStateWith } from '../support/admin-state.ts';

const TOKEN = '0123456789abcdef-the-token';
const NONCE = 'ab'.repeat(32);
const ANY: Address = { kind: 'tcp', host: '0.0.0.0', port: 0, text: '0.0.0.0:0' };

function targetAt(port: number, token: string | undefined = TOKEN): AdminTarget {
  return { address: { kind: 'tcp', host: '127.0.0.1', port, text: `127.0.0.1:${port}` }, token };
}

async function startThief(t: TestContext, answer: RequestListener) {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers);
    answer(request, response);
  });
  return { target: targetAt(await listen(t, server)), seen };
}

async function askAll(target: AdminTarget): Promise<void> {
  await askAdmin(target, 'GET', '/api/config');
  await askAdmin(target, 'POST', '/api/drain');
  const signal = AbortSignal.timeout(30_000);
  await readEvents({ admin: target, search: '', signal, onEvent: () => undefined });
}

const THIEVES: readonly (readonly [what: string, answer: RequestListener])[] = [
  ['gives no nonce', (_request, response) => response.end('ok')],
  ['wants the token at once', (_request, response) => response.writeHead(401).end()],
  ['gives something else', (_request, response) => response.setHeader(NONCE_FIELD, 'wanted').end()],
  ['has an endless answer', (_request, response) => response.end('x'.repeat(100_000))],
  ['ends the connection', (request) => request.socket.destroy()],
];
for (const [what, answer] of THIEVES) {
  test(`a server that ${what} is sent neither token nor signature`, async (t) => {
    const { target, seen } = await startThief(t, answer);
    await askAll(target);
    assert.ok(seen.length >= 3);
    assert.ok(seen.every(({ authorization }) => authorization === undefined));
  });
}

test('a server that gives a nonce is sent a signature of each request, and never the token', async (t) => {
  const { target, seen } = await startThief(t, (_request, response) =>
    response.setHeader(NONCE_FIELD, NONCE).end('{}'),
  );
  await askAll(target);
  const sign = (method: string, path: string): string =>
    signatureOf(TOKEN, { nonce: NONCE, method, target: path });
  assert.deepEqual(
    seen.map(({ authorization }) => authorization).filter((sent) => sent !== undefined),
    [sign('GET', '/api/config'), sign('POST', '/api/drain'), sign('GET', '/api/events?')],
  );
  assert.ok(!JSON.stringify(seen).includes(TOKEN));
});

test('without a token nothing is asked beforehand', async (t) => {
  const { target, seen } = await startThief(t, (_request, response) => response.end('{}'));
  await askAdmin({ address: target.address }, 'GET', '/api/config');
  assert.equal(seen.length, 1);
});

async function startServer(t: TestContext, token: string | undefined = TOKEN): Promise<AdminServer> {
  const server = await openAdminServer(
    { address: ANY, token },
    adminStateWith({ readiness: () => ({ ready: true }) }),
  );
  t.after(() => server.close());
  return server;
}

test('an admin server grants a signed request what it grants the token', async (t) => {
  const port = portOf((await startServer(t)).address);
  const answer = await askAdmin(targetAt(port), 'GET', '/api/nothing');
  assert.equal(typeof answer === 'string' ? answer : answer.status, 404);
  const other = await askAdmin(targetAt(port, `${TOKEN}x`), 'GET', '/api/nothing');
  assert.match(typeof other === 'string' ? other : '', /does not accept the token/);
});

test('what passes on the nonce of another server gets no token, and nothing but the request that was signed', async (t) => {
  const port = portOf((await startServer(t)).address);
  let seen = '';
  const relay = createTcpServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    client.on('error', () => undefined).on('data', (bytes) => (seen += bytes.toString('latin1')));
    upstream.on('error', () => undefined);
    client.pipe(upstream).pipe(client);
  });
  const relayPort = await listen(t, relay);
  const answer = await askAdmin(targetAt(relayPort), 'GET', '/api/nothing');
  // As by ssh -L or a published port of a container: addresses do not matter.
  assert.equal(typeof answer === 'string' ? answer : answer.status, 404);
  assert.match(seen, /authorization: Framegate-HMAC/i);
  assert.ok(!seen.includes(TOKEN));
  const stolen = /Framegate-HMAC [0-9a-f]{64}/.exec(seen)?.[0] ?? '';
  assert.match(
    await sendRaw(port, [requestText('/api/nothing', `authorization: ${stolen}`)]),
    /^HTTP\/1.1 401/,
  );
});

function requestText(path: string, fields: string, method = 'GET'): string {
  return `${method} ${path} HTTP/1.1\r\nhost: localhost\r\n${fields}\r\n\r\n`;
}

/** Sends each request after the answer to the one before. @param requests may be made of the nonce. @returns the last answer */
async function sendRaw(
  port: number,
  requests: readonly (string | ((nonce: string) => string))[],
): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  let nonce = '';
  let answer = '';
  for (const request of requests) {
    socket.write(typeof request === 'string' ? request : request(nonce));
    answer = await answerOn(socket);
    nonce = new RegExp(`${NONCE_FIELD}: ([0-9a-f]{64})`).exec(answer)?.[1] ?? nonce;
  }
  socket.destroy();
  return answer;
}

function answerOn(socket: ReturnType<typeof connect>): Promise<string> {
  let text = '';
  return new Promise((resolve) => {
    const onData = (piece: string): void => {
      text += piece;
      const [head = '', body] = text.split(/\r\n\r\n(.*)/s);
      const length = Number(/content-length: (\d+)/.exec(head)?.[1]);
      if (body === undefined || body.length < length) return;
      socket.off('data', onData);
      resolve(text);
    };
    socket.on('data', onData);
    socket.on('close', () => resolve(text));
  });
}

const WANTS = requestText('/live', `${NONCE_FIELD}: wanted`);
function signed(path: string, fields = '', forPath = path): (nonce: string) => string {
  return (nonce) => {
    const authorization = signatureOf(TOKEN, { nonce, method: 'GET', target: forPath });
    return requestText(path, `authorization: ${authorization}${fields}`);
  };
}

test('a signature is good once, for its method and target, without a body, on the connection of its nonce', async (t) => {
  const port = portOf((await startServer(t)).address);
  const statusOf = async (...requests: Parameters<typeof sendRaw>[1]): Promise<string> =>
    (await sendRaw(port, requests)).slice(9, 12);
  const path = '/api/nothing?a=1';
  assert.equal(await statusOf(WANTS, signed(path)), '404');
  assert.equal(await statusOf(WANTS, WANTS, signed(path)), '404');
  assert.equal(await statusOf(WANTS, signed(path), signed(path)), '401');
  assert.equal(await statusOf(WANTS, signed('/api/nothing?a=2', '', path)), '401');
  assert.equal(await statusOf(WANTS, signed(path, '\r\ncontent-length: 1')), '401');
  assert.equal(await statusOf(WANTS, (nonce) => signed(path)(nonce).replace('GET', 'POST')), '401');
  assert.equal(await statusOf(signed(path)), '401');
});

test('a server without a token gives no nonce, and one with a token gives it for the question only', async (t) => {
  const open = await openAdminServer({ address: { ...ANY, host: '127.0.0.1' } }, adminStateWith({}));
  t.after(() => open.close());
  const port = portOf((await startServer(t)).address);
  assert.equal((await sendRaw(portOf(open.address), [WANTS])).includes(NONCE_FIELD), false);
  assert.equal((await sendRaw(port, [requestText('/live', 'a: b')])).includes(NONCE_FIELD), false);
});

test('a signature depends on the token and on each part of the request', () => {
  const digest = tokenDigest(TOKEN);
  const request = { nonce: NONCE, method: 'GET', target: '/a' };
  const signature = signatureOf(TOKEN, request);
  assert.equal(isSignedBy(digest, request, signature), true);
  const others = [{ nonce: 'cd'.repeat(32) }, { method: 'POST' }, { target: '/b' }];
  for (const other of others) assert.equal(isSignedBy(digest, { ...request, ...other }, signature), false);
  assert.equal(isSignedBy(tokenDigest('another'), request, signature), false);
  assert.equal(isSignedBy(digest, request, 'Framegate-HMAC ab'), false);
});
