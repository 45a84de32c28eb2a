// What clients get for the name they call (SNI): with unknownServerName refuse, a certificate that holds it, or an alert.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { testCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { recordClientHello } from './client-hello-recording.ts';
import { handshake, type ListenerTestOptions, listen, readToEnd, send } from './listener-under-test.ts';

const certificate = await testCertificate('localhost', '127.0.0.1');
const wildcard = await testCertificate('*.b.test', 'only.test');
const anyone = { rejectUnauthorized: false, ALPNProtocols: ['h2'] };

function listenStrictly(context: TestContext, options: ListenerTestOptions = {}) {
  return listen(context, { certificates: [certificate, wildcard], unknownServerName: 'refuse', ...options });
}

test('a name that no certificate holds is refused by its own alert, in both versions, and told by name', async (context) => {
  for (const certificates of [[certificate], [certificate, wildcard]]) {
    const { handler, port } = await listenStrictly(context, { certificates });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const client = connect({ port, host: '127.0.0.1', ...anyone, servername: 'Unknown.test', maxVersion });
      const [error] = await once(client, 'error');
      assert.equal(error.code, 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME', maxVersion);
      const refusal = await handler.refusals.next();
      assert.deepEqual(
        [refusal.token, refusal.code, refusal.detail, refusal.routine],
        ['unknown_server_name', 'FG1028', 'SNI Unknown.test', false],
      );
      assert.match(refusal.client, /^127\.0\.0\.1:\d+$/);
    }
    assert.equal(handler.http2.all.length, 0);
  }
});

test('names that a certificate holds are served, in any case, by wildcard, and with a dot at the end', async (context) => {
  const { handler, port } = await listenStrictly(context);
  const cases = [
    ['localhost', 'localhost'],
    ['LocalHOST', 'localhost'],
    ['only.test', '*.b.test'],
    ['ONLY.test.', '*.b.test'],
    ['x.B.test', '*.b.test'],
  ] as const;
  for (const [servername, name] of cases) {
    const client = await handshake(port, { ...anyone, servername });
    assert.ok(client.getPeerCertificate().subjectaltname?.startsWith(`DNS:${name}`), servername);
    assert.equal((await handler.http2.next()).peer.serverName, servername.toLowerCase());
    client.destroy();
  }
  assert.deepEqual(handler.refusals.all, []);
});

test('names that a wildcard does not hold, and what is no name, are refused', async (context) => {
  const { handler, port } = await listenStrictly(context);
  for (const servername of ['b.test', 'x.x.b.test', '*.b.test', '127.0.0.1.', 'we ird', 'localhost..', '-']) {
    await assert.rejects(handshake(port, { ...anyone, servername }), /unrecognized name/, servername);
    assert.equal((await handler.refusals.next()).token, 'unknown_server_name');
  }
});

test('control characters of a name do not reach the log', async (context) => {
  const { handler, port } = await listenStrictly(context);
  await assert.rejects(handshake(port, { ...anyone, servername: 'a\n"\u{1b}[2J,b\\' }), /unrecognized name/);
  const { detail } = await handler.refusals.next();
  assert.equal(detail, String.raw`SNI a\x0a\x22\x1b[2J\x2cb\x5c`);
});

test('a client without a name gets the first certificate', async (context) => {
  const { handler, port } = await listenStrictly(context);
  const client = await handshake(port, anyone);
  assert.match(client.getPeerCertificate().subjectaltname ?? '', /DNS:localhost/);
  assert.equal((await handler.http2.next()).peer.serverName, '');
  client.destroy();
});

test('SNI chooses the certificate: exact before wildcard, in any case, the first for unknown names', async (context) => {
  const exact = await testCertificate('x.b.test', 'other.test');
  const { handler, port } = await listen(context, { certificates: [certificate, wildcard, exact] });
  const cases = [
    ['localhost', 'DNS:localhost, IP Address:127.0.0.1'],
    ['A.B.Test', 'DNS:*.b.test, DNS:only.test'],
    ['X.B.TEST', 'DNS:x.b.test, DNS:other.test'],
    ['a.a.b.test', 'DNS:localhost, IP Address:127.0.0.1'],
    ['b.test', 'DNS:localhost, IP Address:127.0.0.1'],
    ['unknown.test', 'DNS:localhost, IP Address:127.0.0.1'],
    ['*.b.test', 'DNS:localhost, IP Address:127.0.0.1'],
    ['we ird..name', 'DNS:localhost, IP Address:127.0.0.1'],
  ] as const;
  for (const [servername, names] of cases) {
    const client = await handshake(port, { ...anyone, servername });
    assert.equal(client.getPeerCertificate().subjectaltname, names, servername);
    const { peer } = await handler.http2.next();
    assert.equal(peer.serverName, servername.toLowerCase());
    client.destroy();
  }
});

test('by default an unknown name gets the first certificate, with one and with several', async (context) => {
  for (const certificates of [[certificate], [certificate, wildcard]]) {
    const { handler, port } = await listen(context, { certificates });
    const client = await handshake(port, { ...anyone, servername: 'unknown.test' });
    assert.match(client.getPeerCertificate().subjectaltname ?? '', /DNS:localhost/);
    assert.equal((await handler.http2.next()).peer.serverName, 'unknown.test');
    client.destroy();
  }
});

test('a refused client that does not read or close is closed, and later ones are served', async (context) => {
  const { handler, listener, port } = await listenStrictly(context);
  const hello = await recordClientHello({ servername: 'unknown.test', ALPNProtocols: ['h2'] });
  const stubborn = send(port, hello);
  stubborn.pause();
  assert.equal((await handler.refusals.next()).token, 'unknown_server_name');
  await eventually('nothing of it is left', () => listener.openings.size === 0);
  stubborn.resume();
  assert.equal((await readToEnd(stubborn)).charCodeAt(6), 112);
  const client = await handshake(port, { ...anyone, servername: 'localhost' });
  client.destroy();
});
