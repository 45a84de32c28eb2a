// Expect and interim responses towards HTTP/1.1 clients (RFC 9110 sections 10.1.1 and 15.2): the service decides, and what it
// says before its answer is passed on.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { addFields } from '../../src/calls/http1-fields.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import type { Exchange } from '../../src/relay/exchange.ts';
import { eventually } from '../support/eventually.ts';
import { addressOf, EdgeUnderTest, type Handler, RawHttp1Client, startService } from './edge-under-test.ts';

const UPLOAD = ['POST / HTTP/1.1', 'Host: a', 'Content-Length: 2'];

async function open(t: TestContext, handler: Handler) {
  const service = await startService(t, handler);
  service.server.on('checkContinue', handler);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  const exchange = () => eventually('the request runs', () => edge.http1.runningCalls.at(0));
  return { edge, client, exchange };
}

/** As if the service had sent an interim response. */
function inform(exchange: Exchange, httpStatus: number, fields: readonly string[]): void {
  const list = HeaderList.of([':status', String(httpStatus)]);
  addFields(list, fields);
  exchange.receiveResponse(list, false);
}

/** Answers when it has the whole body. */
const READS: Handler = (request, response) => {
  request.resume();
  request.on('end', () => response.end('read'));
};

test('what a service says before its answer reaches the client, and 100 if it is waited for', async (t) => {
  const { client, exchange } = await open(t, READS);
  client.send(...UPLOAD, 'Expect: 100-Continue', '');
  const running = await exchange();
  inform(running, 103, ['Link', '</a\xe4.css>; rel=preload', 'X-Twice', '1', 'X-Twice', '2']);
  inform(running, 100, []);
  inform(running, 100, []);
  await client.receives('100 Continue');
  client.write('ok');
  const text = await client.receives(/read/);
  assert.match(
    text,
    /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\xe4\.css>; rel=preload\r\nX-Twice: 1\r\nX-Twice: 2\r\n\r\nHTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/,
  );
});

test('a client that waits for no 100 gets none, and one of HTTP/1.0 nothing before its answer', async (t) => {
  const { edge, client, exchange } = await open(t, READS);
  client.send(...UPLOAD, '');
  const running = await exchange();
  inform(running, 100, []);
  inform(running, 102, []);
  client.write('ok');
  assert.match(await client.receives(/read/), /^HTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  await edge.record();
  const old = new RawHttp1Client(t, edge.port);
  old.send('POST / HTTP/1.0', 'Content-Length: 2', 'Expect: 100-continue', '');
  inform(await exchange(), 103, []);
  old.write('ok');
  assert.match(await old.closed(), /^HTTP\/1\.1 200 OK\r\n/);
});

test('to a service that says nothing the body flows after a while', async (t) => {
  const { client } = await open(t, READS);
  client.send(...UPLOAD, 'Expect: 100-continue', '');
  await client.receives(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
  client.write('ok');
  assert.match(await client.receives(/read/), /200 OK/);
});

test('a client that does not wait for 100 any longer loses nothing', async (t) => {
  const { client } = await open(t, READS);
  client.send(...UPLOAD, 'Expect: 100-continue', '').write('ok');
  assert.match(await client.receives(/read/), /200 OK/);
});

test('a client that waits for 100 and gets an answer of ours is not waited for', async (t) => {
  for (const [upstream, status] of [
    ['web', 503],
    ['grpc', 426],
  ] as const) {
    const edge = await EdgeUnderTest.start(t, { endpoints: [addressOf(1)], routes: [{ upstream }] });
    const client = new RawHttp1Client(t, edge.port);
    client.send(...UPLOAD, 'Expect: 100-continue', '');
    assert.match(
      await client.closed(),
      new RegExp(`^HTTP/1\\.1 ${status} [^]*connection: .*close\\r\\n`, 'i'),
    );
  }
});

test('a final answer of the service instead of 100 ends the connection, whose body may never come', async (t) => {
  const { client } = await open(t, (_request, response) => {
    response.writeHead(413, { 'content-length': 0 });
    response.end();
  });
  client.send(...UPLOAD, 'Expect: 100-continue', '');
  assert.match(await client.closed(), /^HTTP\/1\.1 413 [^]*Connection: close\r\n/);
});

test('an expectation of another kind is refused in its turn', async (t) => {
  const { edge, client } = await open(t, READS);
  client
    .send(...UPLOAD, '')
    .write('ok')
    .send(...UPLOAD, 'Expect: 100-continue, tea', '');
  const text = await client.closed();
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n[^]*readHTTP\/1\.1 417 Expectation Failed\r\n[^]*something else/);
  assert.match(edge.refused.join(), /^http1_request_invalid: it expects something else/);
});

test('an expectation without a body costs nobody the connection, whoever answers', async (t) => {
  const service = await startService(t, READS);
  const match = { path: '/served/*', host: undefined, headers: new Map(), listener: undefined };
  const edge = await EdgeUnderTest.start(t, {
    endpoints: [service.address],
    routes: [{ upstream: 'web', match }],
  });
  for (const [path, status] of [
    ['/served/1', 200],
    ['/nowhere', 404],
  ] as const) {
    const client = new RawHttp1Client(t, edge.port);
    client.send(`GET ${path} HTTP/1.1`, 'Host: a', 'Expect: 100-continue', '');
    client.send('GET /served/2 HTTP/1.1', 'Host: a', 'Connection: close', '');
    const expected = `^HTTP/1.1 100 Continue\\r\\n\\r\\nHTTP/1.1 ${status} [^]*HTTP/1.1 200 `;
    assert.match(await client.closed(), new RegExp(expected));
  }
});
