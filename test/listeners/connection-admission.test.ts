// Limits of connections on real sockets: who is turned away, how that looks, and that every place is given back.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ConnectionCaps, ConnectionLimits } from '../../src/listeners/connection-limits.ts';
import { testCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { closed, handshake, listen, PREFACE, send, unix } from './listener-under-test.ts';

const certificate = await testCertificate('localhost', '127.0.0.1');
const trust = { ca: certificate.caPem, servername: 'localhost' };
const REQUEST = 'GET /x HTTP/1.1\r\nhost: a\r\n\r\n';

function limitsOf(caps: Partial<ConnectionCaps>): ConnectionLimits {
  return new ConnectionLimits({ connections: 100, perAddress: undefined, ...caps });
}

/** From another loopback address than 127.0.0.1. */
function connectFrom(t: TestContext, localAddress: string, port: number): Socket {
  const socket = connect({ host: '127.0.0.1', port, localAddress });
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  return socket;
}

/** What a balancer says of its client. */
function headerOf(address: string): Buffer {
  return Buffer.from(`PROXY TCP4 ${address} 192.0.2.1 4000 443\r\n`);
}

/** The code of the error that ends the connection; '' where there is none. */
async function endOf(socket: Socket): Promise<string> {
  let code = '';
  socket.on('error', (error: NodeJS.ErrnoException) => {
    code = error.code ?? '';
  });
  socket.resume();
  await closed(socket);
  return code;
}

async function isEmpty(limits: ConnectionLimits): Promise<void> {
  await eventually('every place is given back', () => limits.openCount === 0);
}

test('one connection too many is reset and reported, and those there are stay', async (t) => {
  const limits = limitsOf({ connections: 2 });
  const { handler, port } = await listen(t, { limits });
  const [first, second] = [send(port, PREFACE), send(port, PREFACE)];
  await handler.http2.next();
  await handler.http2.next();
  const third = connect({ host: '127.0.0.1', port });
  assert.equal(await endOf(third), 'ECONNRESET');
  const { token, detail, client, listener, code } = await handler.refusals.next();
  assert.deepEqual(
    [token, detail, listener, code],
    ['too_many_connections', '2 connections', 'under-test', 'FG1045'],
  );
  assert.match(client, /^127\.0\.0\.1:\d+$/);
  assert.deepEqual([first.destroyed, second.destroyed], [false, false]);
});

test('a TLS client over the limit is turned away before its handshake', async (t) => {
  const limits = limitsOf({ connections: 1 });
  const { handler, port } = await listen(t, { limits, certificates: [certificate] });
  await handshake(port, { ...trust, ALPNProtocols: ['h2'] });
  await handler.http2.next();
  await assert.rejects(handshake(port, { ...trust, ALPNProtocols: ['h2'] }), { code: 'ECONNRESET' });
  assert.equal((await handler.refusals.next()).token, 'too_many_connections');
  assert.equal(handler.refusals.all.length, 1, 'and nothing is said of a handshake');
});

test('one address has its share, and another one is served', async (t) => {
  const limits = limitsOf({ perAddress: 1 });
  const { handler, port } = await listen(t, { limits });
  send(port, PREFACE);
  await handler.http2.next();
  await endOf(send(port, PREFACE));
  const { token, detail } = await handler.refusals.next();
  assert.deepEqual([token, detail], ['too_many_connections_of_address', '1 connections of 127.0.0.1']);
  connectFrom(t, '127.0.0.2', port).write(PREFACE);
  assert.equal((await handler.http2.next()).peer.clientAddress, '127.0.0.2');
});

test('listeners share the limits of their process', async (t) => {
  const limits = limitsOf({ connections: 1 });
  const one = await listen(t, { limits, name: 'one' });
  const other = await listen(t, { limits, name: 'other' });
  send(one.port, PREFACE);
  await one.handler.http2.next();
  await endOf(send(other.port, PREFACE));
  assert.equal((await other.handler.refusals.next()).listener, 'other');
  assert.deepEqual(Object.fromEntries(limits.openByListener), { one: 1 });
});

test('trusted clients count in all, but not by address', async (t) => {
  const limits = limitsOf({ connections: 3, perAddress: 1 });
  const { handler, port } = await listen(t, { limits, trustedClients: ['127.0.0.1'] });
  for (let count = 0; count < 3; count++) {
    send(port, PREFACE);
    await handler.http2.next();
  }
  await endOf(send(port, PREFACE));
  assert.equal((await handler.refusals.next()).token, 'too_many_connections');
});

test('clients of a Unix socket count in all, but not by address', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-limits-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'socket');
  const limits = limitsOf({ connections: 2, perAddress: 1 });
  const { handler } = await listen(t, { limits, address: unix(path) });
  const sockets = Array.from({ length: 2 }, () => connect({ path }));
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  for (const socket of sockets) {
    socket.write(PREFACE);
    await handler.http2.next();
  }
  await endOf(connect({ path }));
  const { token, client } = await handler.refusals.next();
  assert.deepEqual([token, client], ['too_many_connections', 'unix:']);
});

test('behind a balancer the address in the header counts', async (t) => {
  const limits = limitsOf({ perAddress: 1 });
  const { handler, port } = await listen(t, { limits, proxies: ['127.0.0.1'] });
  send(port, Buffer.concat([headerOf('203.0.113.7'), PREFACE]));
  await handler.http2.next();
  await endOf(send(port, Buffer.concat([headerOf('203.0.113.7'), PREFACE])));
  const { token, client } = await handler.refusals.next();
  assert.deepEqual([token, client], ['too_many_connections_of_address', '203.0.113.7:4000']);
  send(port, Buffer.concat([headerOf('203.0.113.8'), PREFACE]));
  assert.equal((await handler.http2.next()).peer.clientAddress, '203.0.113.8');
  assert.equal(handler.http2.all.length, 2);
});

test('trusted clients behind a balancer are not counted by address either', async (t) => {
  const limits = limitsOf({ perAddress: 1 });
  const trustedClients = ['203.0.113.7'];
  const { handler, port } = await listen(t, { limits, proxies: ['127.0.0.1'], trustedClients });
  for (let count = 0; count < 2; count++) {
    send(port, Buffer.concat([headerOf('203.0.113.7'), PREFACE]));
    await handler.http2.next();
  }
});

const leaving: Readonly<Record<string, (port: number) => Promise<void>>> = {
  'an HTTP/2 client': async (port) => {
    const socket = send(port, PREFACE);
    await once(socket, 'connect');
    socket.destroy();
  },
  'an HTTP/1.1 client': async (port) => {
    const socket = send(port, REQUEST);
    await once(socket, 'data');
    socket.destroy();
  },
  'one that says nothing': async (port) => {
    const socket = send(port, '');
    await once(socket, 'connect');
    socket.resetAndDestroy();
  },
  'one that speaks something else': async (port) => {
    await endOf(send(port, 'EHLO mail.example.com\r\n'));
  },
};

for (const [who, leave] of Object.entries(leaving)) {
  test(`the place of ${who} is given back`, async (t) => {
    const limits = limitsOf({});
    const { port, handler } = await listen(t, { limits });
    handler.http2.next().then(
      ({ socket }) => socket.on('end', () => socket.destroy()),
      () => undefined,
    );
    await leave(port);
    await isEmpty(limits);
  });
}

test('the places of TLS clients are given back, of those too that break off the handshake', async (t) => {
  const limits = limitsOf({});
  const { port } = await listen(t, { limits, certificates: [certificate] });
  const h2 = await handshake(port, { ...trust, ALPNProtocols: ['h2'] });
  const http1 = await handshake(port, { ...trust, ALPNProtocols: ['http/1.1'] });
  const half = send(port, Buffer.from([0x16, 3, 1, 2, 0]));
  await eventually('all are counted', () => limits.openCount === 3);
  for (const socket of [h2, http1, half]) socket.destroy();
  await isEmpty(limits);
});
