import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { sentenceForClient } from '../../src/diagnosis/refusal.ts';
import { closed, listen, PREFACE, readToEnd, send } from './listener-under-test.ts';

test('the preface and what came with it are the head', async (context) => {
  const { handler, port } = await listen(context);
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  const client = send(port, Buffer.concat([PREFACE, settings]));
  const { head, peer } = await handler.http2.next();
  assert.deepEqual(head, Buffer.concat([PREFACE, settings]));
  assert.deepEqual(peer, {
    listener: 'under-test',
    port,
    client: `127.0.0.1:${client.localPort}`,
    clientAddress: '127.0.0.1',
    tls: '',
    alpn: '',
    serverName: '',
    trusted: false,
    mismatch: undefined,
    mismatchPolicy: 'explain',
  });
  client.destroy();
});

test('a preface that comes byte by byte loses nothing, nor does what follows', async (context) => {
  const { handler, port } = await listen(context);
  const client = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(client, 'connect');
  for (const byte of PREFACE) {
    client.write(Buffer.from([byte]));
    await turn();
    await turn();
  }
  const { received, head, socket } = await handler.http2.next();
  assert.ok(head !== undefined && head.subarray(0, 24).equals(PREFACE));
  client.end('after');
  await closed(socket);
  assert.equal(Buffer.concat(received).toString('latin1'), `${PREFACE.toString('latin1')}after`);
});

test('an HTTP/2 client that ends its side gets its connection closed', async (context) => {
  const { handler, port } = await listen(context);
  const client = send(port, PREFACE);
  const { socket } = await handler.http2.next();
  client.end();
  await closed(socket);
});

test('a real gRPC client and a real HTTP/2 client arrive', async (context) => {
  const { handler, port } = await listen(context);
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  client.getChannel().getConnectivityState(true);
  const first = await handler.http2.next();
  assert.ok(first.head?.subarray(0, 24).equals(PREFACE));
  client.close();
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  assert.ok((await handler.http2.next()).head?.subarray(0, 24).equals(PREFACE));
  session.destroy();
});

test('HTTP/1.1 requests reach the handler, their bodies whole, over one connection', async (context) => {
  const { handler, port } = await listen(context);
  handler.respond = (request, response) => {
    let receivedBytes = 0;
    request.on('data', (chunk: Buffer) => {
      receivedBytes += chunk.length;
    });
    request.on('end', () => response.end(String(receivedBytes)));
  };
  const client = connect({ port, host: '127.0.0.1' });
  client.write('PO');
  await turn();
  client.write('ST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n');
  client.write(Buffer.alloc(100_000));
  client.write('GET /b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  const answer = await readToEnd(client);
  assert.match(answer, /^HTTP\/1\.1 200 [^]*\r\n\r\n100000HTTP\/1\.1 200 [^]*\r\n\r\n0$/);
  assert.equal(handler.http1.all.length, 2);
});

test('PROXY headers and garbage are refused and closed; the listener lives on', async (context) => {
  const { handler, port } = await listen(context);
  const cases = [
    ['PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n', 'proxy_protocol_not_enabled'],
    ['\r\n\r\n\0\r\nQUIT\n\x21\x11', 'proxy_protocol_not_enabled'],
    ['\0\0\0garbage', 'unknown_protocol'],
    ['PRI * HTTP/1.1\r\n\r\n', 'unknown_protocol'],
    ['x'.repeat(100_000), 'unknown_protocol'],
  ] as const;
  for (const [bytes, token] of cases) {
    const client = send(port, Buffer.from(bytes, 'latin1'));
    assert.equal(await readToEnd(client), '');
    const refusal = await handler.refusals.next();
    assert.equal(refusal.token, token);
    assert.match(refusal.client, /^127\.0\.0\.1:\d+$/);
  }
  send(port, PREFACE);
  await handler.http2.next();
});

test('a silent client, and one that stops in the middle of a preface, are closed', async (context) => {
  const { handler, port } = await listen(context, { timeouts: { firstBytesMs: 50 } });
  for (const bytes of ['', 'PRI * HT']) {
    const client = send(port, bytes);
    assert.equal(await readToEnd(client), '');
    const refusal = await handler.refusals.next();
    assert.deepEqual([refusal.token, refusal.routine], ['first_bytes_timeout', true]);
  }
});

test('a client that goes away before it has said anything is routine', async (context) => {
  const { handler, port } = await listen(context);
  const polite = connect({ port, host: '127.0.0.1' }, () => polite.end());
  assert.equal((await handler.refusals.next()).token, 'first_bytes_abandoned');
  const rude = connect({ port, host: '127.0.0.1' }, () => rude.resetAndDestroy());
  const refusal = await handler.refusals.next();
  assert.deepEqual([refusal.token, refusal.routine], ['first_bytes_abandoned', true]);
});

test('HTTP/1 mistakes are answered with a status and reported', async (context) => {
  const { handler, port } = await listen(context, { timeouts: { http1HeadersMs: 50 } });
  const cases = [
    ['CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n', '501 Not Implemented', 'http1_connect'],
    ['GET / HTTP/1.1\r\nno colon\r\n\r\n', '400 Bad Request', 'http1_malformed'],
    ['FROB / HTTP/1.1\r\n\r\n', '400 Bad Request', 'http1_malformed'],
    [
      `GET / HTTP/1.1\r\nx: ${'a'.repeat(17_000)}\r\n\r\n`,
      '431 Request Header Fields Too Large',
      'http1_header_too_large',
    ],
    ['GET / HTTP/1.1\r\nhost: ', '408 Request Timeout', 'http1_headers_timeout'],
  ] as const;
  for (const [bytes, status, token] of cases) {
    const client = send(port, bytes);
    const answer = await readToEnd(client);
    assert.ok(answer.startsWith(`HTTP/1.1 ${status}\r\n`), answer);
    const refusal = await handler.refusals.next();
    assert.equal(refusal.token, token);
    assert.ok(answer.endsWith(`${sentenceForClient(refusal.token)} (${refusal.code})\n`));
  }
  assert.equal(handler.http1.all.length, 0);
});

test('what has no request line of HTTP is closed without an answer in HTTP', async (context) => {
  const { handler, port } = await listen(context);
  for (const bytes of ['INVALID CONNECTION PREFACE\r\n\r\nSM', 'EHLO mail.example\r\n']) {
    assert.equal(await readToEnd(send(port, bytes)), '');
    assert.equal((await handler.refusals.next()).token, 'unknown_protocol');
  }
});

test('close() lets a busy HTTP/1.1 connection finish and closes idle ones', async (context) => {
  const { listener, handler, port } = await listen(context);
  const idle = send(port, 'GET /idle HTTP/1.1\r\nhost: a\r\n\r\n');
  await handler.http1.next();
  await once(idle, 'data');
  const responses: ServerResponse[] = [];
  handler.respond = (_request, response) => responses.push(response);
  const busy = send(port, 'GET /busy HTTP/1.1\r\nhost: a\r\n\r\n');
  await handler.http1.next();
  await Promise.all([listener.close(), closed(idle)]);
  assert.equal(busy.closed, false);
  responses[0].end('finished');
  assert.match(await readToEnd(busy), /finished$/);
});
