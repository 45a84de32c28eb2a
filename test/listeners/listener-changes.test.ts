// A listener's settings while it is open: what is prepared changes nothing, and what is put to use is for new connections.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { ListenerConfig } from '../../src/config/config.ts';
import { type Listener, openListener } from '../../src/listeners/listener.ts';
import { ListenerError } from '../../src/listeners/listener-error.ts';
import { testCertificate } from '../support/certificates.ts';
import { closed, handshake, listen, PREFACE, RecordingHandler, send, tcp } from './listener-under-test.ts';

async function held(
  t: TestContext,
): Promise<{ listener: Listener; handler: RecordingHandler; port: number }> {
  const handler = new RecordingHandler();
  const config: ListenerConfig = {
    name: 'held',
    address: tcp('127.0.0.1'),
    tls: undefined,
    trustedClients: [],
    mismatch: 'explain',
    proxyProtocol: undefined,
    openingTimeoutMs: 10_000,
    headerTimeoutMs: 10_000,
  };
  const listener = await openListener(config, handler, { isHeld: true });
  t.after(async () => {
    await listener.close();
    for (const { socket } of handler.http2.all) socket.destroy();
  });
  return { listener, handler, port: listener.port ?? 0 };
}

test('connections of a listener that is held wait, with all they have sent, until it is admitted', async (t) => {
  const { listener, handler, port } = await held(t);
  const client = send(port, PREFACE);
  await once(client, 'connect');
  // Accepted after the first one.
  const gone = connect({ port, host: '127.0.0.1' });
  await once(gone, 'connect');
  gone.destroy();
  await closed(gone);
  assert.equal(handler.http2.all.length, 0);
  listener.admit();
  const { head, socket } = await handler.http2.next();
  assert.deepEqual(head, PREFACE);
  socket.end('welcome');
  assert.equal(String((await once(client, 'data'))[0]), 'welcome');
});

test('a listener that is closed while it is held cuts off who waits', async (t) => {
  const { listener, handler, port } = await held(t);
  const client = send(port, PREFACE);
  await once(client, 'connect');
  // By then it was accepted.
  const probe = connect({ port, host: '127.0.0.1' });
  await once(probe, 'connect');
  await listener.close();
  await Promise.all([closed(client), closed(probe)]);
  assert.equal(handler.http2.all.length, 0);
});

test('settings count for the connections that come after they were put to use', async (t) => {
  const { listener, handler, port } = await listen(t);
  send(port, PREFACE);
  assert.equal((await handler.http2.next()).peer.trusted, false);
  const change = await listener.prepare({ ...listener.config, trustedClients: ['127.0.0.0/8'] });
  send(port, PREFACE);
  assert.equal((await handler.http2.next()).peer.trusted, false, 'prepared is not in use');
  await change?.commit();
  send(port, PREFACE);
  assert.equal((await handler.http2.next()).peer.trusted, true);
  assert.equal(listener.port, port);
});

test('limits of time count for the connections that come after they were put to use', async (t) => {
  const { listener, port } = await listen(t);
  const before = send(port, 'PRI');
  await once(before, 'connect');
  const change = await listener.prepare({ ...listener.config, openingTimeoutMs: 100, headerTimeoutMs: 200 });
  await change?.commit();
  const [silent, dawdling] = [send(port, ''), send(port, 'GET / HTTP/1.1\r\nHost:')];
  const answer = once(dawdling, 'data');
  await Promise.all([closed(silent), closed(dawdling)]);
  assert.match(String((await answer)[0]), /^HTTP\/1\.1 408 /);
  assert.equal(before.destroyed, false);
});

test('nothing is to be done where settings and files are as they were', async (t) => {
  const { cert, key } = await testCertificate('localhost');
  const { listener } = await listen(t, { certificates: [{ cert, key }] });
  assert.equal(await listener.prepare(), undefined);
  assert.equal(await listener.prepare(structuredClone(listener.config)), undefined);
});

test('a certificate that cannot be used is refused, and the one before goes on', async (t) => {
  const [first, second] = [await testCertificate('localhost'), await testCertificate('second.example')];
  const { listener, port } = await listen(t, { certificates: [first] });
  const withCertificate = (cert: string, key: string): ListenerConfig => ({
    ...listener.config,
    tls: { certificates: [{ cert, key }], minVersion: 'TLSv1.2', unknownServerName: 'serve-default' },
  });
  await assert.rejects(
    listener.prepare(withCertificate(second.cert, first.key)),
    (error) => error instanceof ListenerError && error.key === 'tls' && /does not belong/.test(error.message),
  );
  const before = await handshake(port, { ca: first.caPem, ALPNProtocols: ['h2'], servername: 'localhost' });
  assert.equal(before.getPeerCertificate().subject.CN, 'localhost');
  const change = await listener.prepare(withCertificate(second.cert, second.key));
  await change?.commit();
  const after = await handshake(port, {
    ca: first.caPem,
    ALPNProtocols: ['h2'],
    servername: 'second.example',
  });
  assert.equal(after.getPeerCertificate().subject.CN, 'second.example');
  assert.equal(before.destroyed, false);
  assert.deepEqual(
    listener.certificates.map(({ leaf }) => leaf.subject),
    ['CN=second.example'],
  );
});

test('with another handler idle HTTP/1.1 connections are closed, and new ones go to it', async (t) => {
  const { listener, port } = await listen(t);
  const client = send(port, 'GET /a HTTP/1.1\r\nhost: a\r\n\r\n');
  await once(client, 'data');
  const other = new RecordingHandler();
  const change = await listener.prepare({ ...listener.config, name: 'renamed' }, other);
  await change?.commit();
  await closed(client);
  const next = send(port, 'GET /b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  assert.equal((await other.http1.next()).listener, 'renamed');
  await closed(next.resume());
});
