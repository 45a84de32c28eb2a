// Clients of HTTP/1.1 that no service of HTTP/1.1 can answer: each gets an answer in its own language.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { failure } from '../../src/calls/failure.ts';
import { eventually } from '../support/eventually.ts';
import {
  addressOf,
  type EdgeOptions,
  EdgeUnderTest,
  RawHttp1Client,
  startService,
} from './edge-under-test.ts';

async function ask(t: TestContext, options: Partial<EdgeOptions>, ...lines: readonly string[]) {
  const edge = await EdgeUnderTest.start(t, {
    endpoints: [addressOf(1)],
    routes: [{ upstream: 'grpc' }],
    ...options,
  });
  const client = new RawHttp1Client(t, edge.port);
  client.send(...lines, 'Host: a', '');
  return { text: await client.closed(), edge };
}

test('a page request on a route to a gRPC service: 426, and what would be served', async (t) => {
  const { text, edge } = await ask(t, {}, 'GET / HTTP/1.1');
  assert.match(text, /^HTTP\/1.1 426 Upgrade Required\r\n/);
  assert.match(text, /\r\nupgrade: h2c\r\nconnection: upgrade, close\r\n/);
  assert.match(text, /This path is served by a gRPC service over HTTP\/2[^]*\(FG1007\)\n$/);
  assert.deepEqual(edge.refused, ['http1_on_grpc_route']);
  const record = await edge.record();
  assert.match(record.reason, /^http1_on_grpc_route: /);
  assert.equal(record.httpStatus, 426);
});

test('on a route that serves gRPC-Web a page request is told how such a call looks', async (t) => {
  const routes = [{ upstream: 'grpc', grpcWeb: { origins: undefined } }];
  const { text } = await ask(t, { routes }, 'GET / HTTP/1.1');
  assert.match(text, /^HTTP\/1.1 426 [^]*application\/grpc-web\+proto[^]*\(FG1007\)\n$/);
});

test('the same over TLS names h2', async (t) => {
  const { text } = await ask(t, { peer: { tls: 'TLSv1.3' } }, 'GET / HTTP/1.1');
  assert.match(text, /\r\nupgrade: h2\r\n/);
});

test('a gRPC call over HTTP/1.1: 505 with a status for gRPC clients and a text for people', async (t) => {
  const { text, edge } = await ask(
    t,
    {},
    'POST /a.B/C HTTP/1.1',
    'Content-Type: application/grpc',
    'Content-Length: 0',
  );
  assert.match(text, /^HTTP\/1.1 505 HTTP Version Not Supported\r\n/);
  assert.match(text, /\r\ngrpc-status: 14\r\ngrpc-message: gRPC needs HTTP\/2/);
  assert.match(text, /\r\nConnection: close\r\n/);
  assert.match(text, /\(FG1006\)\n$/);
  assert.deepEqual(edge.refused, ['http1_grpc']);
});

test('a gRPC call over TLS without "h2": 505 that names ALPN', async (t) => {
  const grpc = ['POST /a.B/C HTTP/1.1', 'Content-Type: application/grpc+proto'];
  const { text, edge } = await ask(t, { peer: { tls: 'TLSv1.3', alpn: 'http/1.1' } }, ...grpc);
  assert.match(text, /only "http\/1.1" by ALPN/);
  assert.deepEqual(edge.refused, ['tls_grpc_without_h2']);
});

test('with mismatch: close nobody is told anything, but the log', async (t) => {
  const { text, edge } = await ask(t, { peer: { mismatchPolicy: 'close' } }, 'GET / HTTP/1.1');
  assert.equal(text, '');
  assert.deepEqual(edge.refused, ['http1_on_grpc_route']);
  assert.equal((await edge.record()).httpStatus, 0);
});

test('a draining edge answers what comes, closes its connections, and is drained when nothing runs', async (t) => {
  let finish: (() => void) | undefined;
  const service = await startService(t, (request, response) => {
    if (request.url === '/slow') finish = () => response.end('slow');
    else response.end('quick');
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const slow = new RawHttp1Client(t, edge.port).send('GET /slow HTTP/1.1', 'Host: a', '');
  await eventually('it runs', () => finish);
  let isDrained = false;
  const drained = (async () => {
    await edge.http1.drain();
    isDrained = true;
  })();
  const late = new RawHttp1Client(t, edge.port).send('GET /late HTTP/1.1', 'Host: a', '');
  assert.match(await late.closed(), /\r\nConnection: close\r\n[^]*quick$/);
  assert.equal(isDrained, false);
  finish?.();
  assert.match(await slow.closed(), /\r\nConnection: close\r\n[^]*slow$/);
  await drained;
  edge.upstream.close();
  await eventually('no connection is left', () => {
    const [{ connectionCounts }] = edge.upstream.endpoints;
    return connectionCounts.idle === 0 && connectionCounts.busy === 0;
  });
});

test('what still runs when the time is over is ended: with 503, where nothing was sent, else broken off', async (t) => {
  const service = await startService(t, (request, response) => {
    if (request.url === '/begun') response.write('half');
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const silent = new RawHttp1Client(t, edge.port).send('GET /silent HTTP/1.1', 'Host: a', '');
  const begun = new RawHttp1Client(t, edge.port).send('GET /begun HTTP/1.1', 'Host: a', '');
  await begun.receives('half');
  await eventually('both are there', () => service.connections === 2);
  edge.http1.abort(failure('draining', 'It is over.'));
  assert.match(await silent.closed(), /^HTTP\/1.1 503 [^]*It is over\. \(FG3006\)\n$/);
  assert.doesNotMatch(await begun.closed(), /\r\n0\r\n/);
  await edge.http1.drain();
  assert.match((await edge.record()).reason, /^draining: /);
});

test('a call of the Connect protocol is told what it is, in the words of its library, and not to use grpcurl', async (t) => {
  const post = 'POST /a.B/C HTTP/1.1';
  const JSON_TYPE = 'Content-Type: application/json';
  const VERSION = 'Connect-Protocol-Version: 1';
  const cases: readonly (readonly [expected: RegExp, lines: readonly string[]])[] = [
    [/connect\.WithGRPC\(\)/, [post, JSON_TYPE, VERSION, 'User-Agent: connect-go/1.18.1 (go1.24)']],
    [
      /createGrpcTransport/,
      [post, 'Content-Type: application/connect+proto', 'User-Agent: connect-es/2.0.0'],
    ],
    [/createGrpcWebTransport/, ['GET /a.B/C?connect=v1&encoding=json HTTP/1.1', 'User-Agent: Mozilla/5.0']],
    [/Let the client speak gRPC/, [post, JSON_TYPE, VERSION, 'User-Agent: curl/8.7.1']],
  ];
  for (const [expected, lines] of cases) {
    const { text } = await ask(t, {}, ...lines);
    assert.match(text, /^HTTP\/1\.1 426 [^]*This is a call of the Connect protocol/);
    assert.match(text, expected);
    assert.doesNotMatch(text, /grpcurl/);
  }
  const { text } = await ask(t, {}, 'GET /a.B/C?disconnect=v1 HTTP/1.1', 'User-Agent: curl/8.7.1');
  assert.match(text, /such as grpcurl/);
});
