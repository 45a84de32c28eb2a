// Clients that stop, stall or break off wherever they can. Nothing of them may stay, and nobody else may notice.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { testCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { recordClientHello } from './client-hello-recording.ts';
import { closed, handshake, listen, PREFACE, send } from './listener-under-test.ts';

const certificate = await testCertificate('localhost', '127.0.0.1');
const trust = { ca: certificate.caPem, servername: 'localhost' };
const hello = await recordClientHello({ servername: 'localhost', ALPNProtocols: ['h2'] });

const HEADER_V1 = Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 40000 443\r\n', 'latin1');
const HEADER_V2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n\x20\0\0\0', 'latin1');

/** What a connection may consist of; it is broken off everywhere in it. */
const SCRIPTS: readonly (readonly [string, Buffer])[] = [
  ['HTTP/2', PREFACE],
  ['HTTP/1.1', Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n')],
  ['TLS', hello],
  ['PROXY v1 and HTTP/2', Buffer.concat([HEADER_V1, PREFACE])],
  ['PROXY v2 and TLS', Buffer.concat([HEADER_V2, hello])],
  ['garbage', Buffer.from('\0\x01garbage')],
];

const LISTENERS = [
  ['a plaintext port', {}],
  ['a plaintext port behind a balancer', { proxies: ['127.0.0.1'] }],
  ['a TLS port', { certificates: [certificate] }],
  ['a TLS port that closes', { certificates: [certificate], mismatch: 'close' }],
  ['a TLS port behind a balancer', { certificates: [certificate], proxies: ['127.0.0.1'] }],
] as const;

for (const [name, options] of LISTENERS) {
  test(`clients of ${name} that break off anywhere leave nothing behind`, async (context) => {
    const { handler, port } = await listen(context, { ...options, timeouts: { clientHelloMs: 50 } });
    handler.respond = (_request, response) => response.end();
    const before = activeTimers();
    for (const [, script] of SCRIPTS) {
      for (const leave of ['end', 'resetAndDestroy'] as const) {
        for (const length of cuts(script.length)) {
          const client = connect({ port, host: '127.0.0.1' });
          client.on('error', () => undefined);
          await once(client, 'connect');
          if (length > 0) client.write(script.subarray(0, length));
          client.resume();
          client[leave]();
          await closed(client);
        }
      }
    }
    for (const { socket } of handler.http2.all) socket.destroy();
    await eventually('no timer of a broken connection is left', () => activeTimers() <= before);
    // The listener lives on.
    if (!('proxies' in options)) {
      const count = handler.http2.all.length;
      if ('certificates' in options) await handshake(port, { ...trust, ALPNProtocols: ['h2'] });
      else send(port, PREFACE);
      await eventually('a client is served', () => handler.http2.all.length > count);
    }
  });
}

/** Nothing, one byte, about the middle, all but one, all. */
function cuts(length: number): readonly number[] {
  return [0, 1, 3, length >> 1, length - 1, length];
}

/** Those that keep the process alive; unref'ed ones (of Node's HTTP server) do not count. */
function activeTimers(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
}

test('a client that sends one byte and waits is closed in time on every kind of port', async (context) => {
  for (const [, options] of LISTENERS) {
    const { handler, port } = await listen(context, {
      ...options,
      timeouts: { firstBytesMs: 50, tlsHandshakeMs: 50 },
    });
    const first = 'proxies' in options ? 'P' : '\x16';
    const client = send(port, Buffer.from(first, 'latin1'));
    client.resume();
    await closed(client);
    const { token } = await handler.refusals.next();
    assert.match(token, /_timeout$/);
  }
});

test('a refused client that neither reads nor closes is gone after a moment', async (context) => {
  const { handler, port, listener } = await listen(context);
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  client.on('error', () => undefined);
  client.write('\0\0\0garbage');
  await handler.refusals.next();
  await listener.close();
  // Bytes to a closed socket are answered with RST; to an open one they are not.
  const writing = setInterval(() => client.write('more'), 20);
  context.after(() => clearInterval(writing));
  await closed(client);
});

test('a client that floods while it is being recognised costs no more than a chunk', async (context) => {
  const { handler, port } = await listen(context, { proxies: ['127.0.0.1'], certificates: [certificate] });
  const flood = Buffer.concat([Buffer.from('PROXY TCP4 '), Buffer.alloc(8 * 1024 * 1024, 0x31)]);
  const client = send(port, flood);
  client.resume();
  assert.equal((await handler.refusals.next()).token, 'proxy_protocol_malformed');
  await closed(client);
});
