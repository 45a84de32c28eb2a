import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { testCertificate } from '../support/certificates.ts';
import { recordClientHello } from './client-hello-recording.ts';
import {
  closed,
  handshake,
  type ListenerTestOptions,
  listen,
  PREFACE,
  readToEnd,
  send,
} from './listener-under-test.ts';

const certificate = await testCertificate('localhost', '127.0.0.1');
const trust = { ca: certificate.caPem, servername: 'localhost' };
const REQUEST = 'GET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';

function listenTls(context: TestContext, options: ListenerTestOptions = {}) {
  return listen(context, { certificates: [certificate], ...options });
}

test('plaintext HTTP/2 on a TLS port: explain hands it up as a mistake, and reports it', async (context) => {
  const { handler, port } = await listenTls(context);
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  const client = send(port, Buffer.concat([PREFACE, settings]));
  const { peer, head } = await handler.http2.next();
  assert.deepEqual(head, Buffer.concat([PREFACE, settings]));
  assert.deepEqual(
    [peer.mismatch, peer.mismatchPolicy, peer.tls, peer.alpn, peer.port],
    ['plaintext_on_tls_port', 'explain', '', '', port],
  );
  const refusal = await handler.refusals.next();
  assert.deepEqual(
    [refusal.token, refusal.code, refusal.client],
    ['plaintext_on_tls_port', 'FG1001', `127.0.0.1:${client.localPort}`],
  );
});

test('plaintext HTTP/1 on a TLS port: explain answers at once, with https and the port', async (context) => {
  const { handler, port } = await listenTls(context);
  // The header does not end, and need not.
  const client = send(port, 'POST /a.B/C HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc\r\n');
  const answer = await readToEnd(client);
  assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n[^]*connection: close\r\n/);
  assert.match(answer, new RegExp(`Port ${port} speaks TLS[^]*https://[^]*\\(FG1002\\)\n$`));
  assert.equal((await handler.refusals.next()).token, 'http1_on_tls_port');
  assert.equal(handler.http1.all.length, 0);
});

test('a plaintext client that never reads its explanation is closed', async (context) => {
  const { handler, port } = await listenTls(context);
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  client.on('error', () => undefined);
  client.write(REQUEST);
  await handler.refusals.next();
  // It keeps writing, and neither reads nor closes; in the end its bytes are answered with RST.
  const writing = setInterval(() => client.write('x'), 20);
  context.after(() => {
    clearInterval(writing);
    client.destroy();
  });
  await closed(client);
});

test('accept: a TLS port serves plaintext HTTP/2 and HTTP/1.1, and TLS', async (context) => {
  const { handler, port } = await listenTls(context, { mismatch: 'accept' });
  send(port, PREFACE);
  const { peer } = await handler.http2.next();
  assert.deepEqual([peer.mismatch, peer.mismatchPolicy, peer.tls], [undefined, 'accept', '']);
  assert.match(await readToEnd(send(port, REQUEST)), /^HTTP\/1\.1 200 OK[^]*GET \/x$/);
  const client = await handshake(port, { ...trust, ALPNProtocols: ['h2'] });
  assert.equal((await handler.http2.next()).peer.tls, 'TLSv1.3');
  client.destroy();
  assert.deepEqual(handler.refusals.all, []);
});

test('close: clients without TLS are closed and reported; TLS is served', async (context) => {
  const { handler, port } = await listenTls(context, { mismatch: 'close' });
  const cases = [
    [PREFACE, 'plaintext_on_tls_port'],
    [REQUEST, 'http1_on_tls_port'],
    ['OPTIONS / HTTP/1.1\r\n\r\n', 'http1_on_tls_port'],
    ['PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n', 'plaintext_on_tls_port'],
    ['\0\0\0\0\0\0\0\0\0\0\0', 'plaintext_on_tls_port'],
  ] as const;
  for (const [bytes, token] of cases) {
    await readToEnd(send(port, bytes));
    const refusal = await handler.refusals.next();
    assert.deepEqual([refusal.token, refusal.routine], [token, false]);
    assert.match(refusal.client, /^127\.0\.0\.1:\d+$/);
  }
  const client = await handshake(port, { ...trust, ALPNProtocols: ['h2'] });
  assert.equal((await handler.http2.next()).peer.mismatchPolicy, 'close');
  client.destroy();
  assert.equal(handler.http2.all.length, 1);
  assert.equal(handler.http1.all.length, 0);
});

test('whatever else comes on a TLS port is told apart and closed', async (context) => {
  const { handler, port } = await listenTls(context, { timeouts: { firstBytesMs: 50 } });
  const cases = [
    ['PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n', 'proxy_protocol_not_enabled'],
    ['\r\n\r\n\0\r\nQUIT\n\x21\x11', 'proxy_protocol_not_enabled'],
    ['\0\0\0garbage', 'unknown_protocol'],
    ['', 'first_bytes_timeout'],
    ['PRI * HT', 'first_bytes_timeout'],
    ['\x16', 'first_bytes_timeout'],
  ] as const;
  for (const [bytes, token] of cases) {
    assert.equal(await readToEnd(send(port, Buffer.from(bytes, 'latin1'))), '');
    const refusal = await handler.refusals.next();
    assert.equal(refusal.token, token);
    assert.match(refusal.client, /^127\.0\.0\.1:\d+$/);
  }
  for (const leave of ['end', 'resetAndDestroy'] as const) {
    const client = connect({ port, host: '127.0.0.1' });
    await once(client, 'connect');
    client[leave]();
    const refusal = await handler.refusals.next();
    assert.deepEqual([refusal.token, refusal.routine], ['first_bytes_abandoned', true]);
  }
});

test('a TLS client on a plaintext port gets an alert it can report; name and ALPN are reported', async (context) => {
  const { handler, port } = await listen(context);
  const options = { servername: 'grpc.example.com', ALPNProtocols: ['h2', 'http/1.1'] };
  await assert.rejects(handshake(port, options), { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
  const refusal = await handler.refusals.next();
  assert.equal(refusal.token, 'tls_on_plaintext_port');
  assert.equal(refusal.detail, 'SNI grpc.example.com, ALPN h2, http/1.1');
  assert.match(refusal.sentence, /plaintext \(insecure\) credentials/);
  await assert.rejects(handshake(port, {}));
  assert.equal((await handler.refusals.next()).detail, 'no SNI, no ALPN');
});

const ALERT = '\x15\x03\x01\x00\x02\x02\x46';

test('a ClientHello in pieces is waited for, but not for ever, and not without bound', async (context) => {
  const hello = await recordClientHello({ servername: 'grpc.example.com', ALPNProtocols: ['h2'] });
  const { handler, port } = await listen(context, { timeouts: { clientHelloMs: 15_000 } });
  const slow = connect({ port, host: '127.0.0.1', noDelay: true });
  slow.on('error', () => undefined);
  for (let offset = 0; offset < hello.length; offset += 7) {
    slow.write(hello.subarray(offset, offset + 7));
    await turn();
  }
  assert.equal(await readToEnd(slow), ALERT);
  assert.equal((await handler.refusals.next()).detail, 'SNI grpc.example.com, ALPN h2');

  const huge = Buffer.concat([Buffer.from([0x16, 3, 1, 0x40, 0, 1, 0, 0x43, 0xfc]), Buffer.alloc(17_000)]);
  assert.equal(await readToEnd(send(port, huge)), ALERT);
  assert.equal((await handler.refusals.next()).detail, 'the ClientHello is malformed');

  const gone = send(port, hello.subarray(0, 50));
  await once(gone, 'connect');
  gone.end();
  assert.equal(await readToEnd(gone), ALERT);
  assert.equal((await handler.refusals.next()).detail, 'the ClientHello is incomplete');
});

test('a ClientHello that does not end is answered all the same', async (context) => {
  const { handler, port } = await listen(context, { timeouts: { clientHelloMs: 50 } });
  assert.equal(await readToEnd(send(port, Buffer.from([0x16, 3, 1, 1, 0, 1]))), ALERT);
  const refusal = await handler.refusals.next();
  assert.deepEqual(
    [refusal.token, refusal.detail],
    ['tls_on_plaintext_port', 'the ClientHello is incomplete'],
  );
});

test('close: a TLS client on a plaintext port is closed without a word', async (context) => {
  const { handler, port } = await listen(context, { mismatch: 'close' });
  assert.equal(await readToEnd(send(port, Buffer.from([0x16, 3, 1, 1, 0, 1]))), '');
  const refusal = await handler.refusals.next();
  assert.deepEqual([refusal.token, refusal.detail], ['tls_on_plaintext_port', undefined]);
  send(port, PREFACE);
  assert.equal((await handler.http2.next()).peer.mismatchPolicy, 'close');
});
