// HTTP/1.1 clients and HTTP/1.1 services, and the edge between them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../src/calls/failure.ts';
import { RunningRequest } from '../../src/edges/running-request.ts';
import { eventually } from '../support/eventually.ts';
import {
  addressOf,
  EdgeUnderTest,
  RawHttp1Client,
  rawResponse,
  startRawService,
  startService,
} from './edge-under-test.ts';

test('a request is forwarded with the fields of the client, byte for byte, and those that describe it', async (t) => {
  const service = await startService(t, (request, response) => {
    response.end(JSON.stringify([request.method, request.url, ...request.rawHeaders]));
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send(
    'GET /a?b=%e4%20 HTTP/1.1',
    'Host: shop.example:8080',
    'X-Value: \xe4 \xff',
    'X-Forwarded-For: 10.9.8.7',
    'Connection: X-Gone, close',
    'X-Gone: 1',
    'TE: trailers, deflate',
    '',
  );
  const [, body] = (await client.closed()).split('\r\n\r\n');
  const [method, url, ...raw] = stringsOf(JSON.parse(Buffer.from(body, 'latin1').toString()));
  const id = raw.at(-1);
  assert.match(id ?? '', /^[0-9a-f]{32}$/);
  assert.deepEqual(
    [method, url, ...raw],
    [
      'GET',
      '/a?b=%e4%20',
      'Host',
      'shop.example:8080',
      'x-value',
      '\xe4 \xff',
      'x-forwarded-for',
      '192.0.2.1',
      'x-forwarded-proto',
      'http',
      'x-forwarded-host',
      'shop.example:8080',
      'TE',
      'trailers',
      'Connection',
      'keep-alive, TE',
      'x-request-id',
      id,
    ],
  );
  const record = await edge.record();
  assert.equal(record.httpStatus, 200);
  assert.equal(record.endpoint, service.address.text);
  assert.equal(record.subject.authority, 'shop.example:8080');
  assert.equal(record.subject.route, 'route');
  assert.equal(record.endedBy, 'upstream');
  assert.equal(record.attempts, 1);
});

test('fields of a response that belong to its connection are left out', async (t) => {
  const service = await startRawService(t, () =>
    rawResponse('HTTP/1.1 200 OK', 'ok', [
      'Set-Cookie',
      'a=1',
      'set-cookie',
      'b=2',
      'X-Mixed',
      '\xe4\xff',
      'Connection',
      'keep-alive, X-Hop',
      'X-Hop',
      '1',
      'Keep-Alive',
      'timeout=5',
      'Server',
      'service/1',
      'Content-Length',
      '2',
      'Content-Disposition',
      'attachment; filename="\xe4.txt"',
      'Date',
      'Thu, 01 Jan 1970 00:00:00 GMT',
    ]),
  );
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET / HTTP/1.1', 'Host: a', 'Connection: close', '');
  const [head, body] = (await client.closed()).split('\r\n\r\n');
  assert.deepEqual(head.split('\r\n'), [
    'HTTP/1.1 200 OK',
    'Set-Cookie: a=1',
    'set-cookie: b=2',
    'X-Mixed: \xe4\xff',
    'Server: service/1',
    'Content-Disposition: attachment; filename="\xe4.txt"',
    'Date: Thu, 01 Jan 1970 00:00:00 GMT',
    'Content-Length: 2',
    'Connection: close',
  ]);
  assert.equal(body, 'ok');
});

test('many requests of a client take one connection to the service', async (t) => {
  const service = await startService(t, (_request, response) => response.end('ok'));
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  for (let round = 1; round <= 5; round++) {
    client.send(`GET /${round} HTTP/1.1`, 'Host: a', '');
    await eventually(`answer ${round}`, () => client.text.split('HTTP/1.1 200 OK').length === round + 1);
    await eventually('the end of the response', () => client.text.endsWith('ok'));
  }
  assert.equal(service.connections, 1);
  assert.equal((await edge.record()).subject.method, '/1');
  assert.equal((await edge.record()).subject.method, '/2');
});

test('request and response stream at the same time', async (t) => {
  const service = await startService(t, (request, response) => request.pipe(response));
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked', '', '3', 'one');
  await client.receives('one');
  client.send('3', 'two');
  await client.receives('two');
  client.send('0', '');
  await client.receives('0\r\n\r\n');
  const record = await edge.record();
  assert.deepEqual([record.requestBytes, record.responseBytes], [6, 6]);
});

test('the head of a response is passed on before there is a body, and each event of a stream at once', async (t) => {
  const service = await startService(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    service.server.on('test-event', () => response.write('data: 1\n\n'));
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET / HTTP/1.1', 'Host: a', '');
  await client.receives('text/event-stream');
  service.server.emit('test-event');
  await client.receives('data: 1\n\n');
});

test('the head of a request is passed on before there is a body', async (t) => {
  const service = await startService(t, (request, response) => {
    response.writeHead(200);
    response.write('head seen');
    request.resume();
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('POST / HTTP/1.1', 'Host: a', 'Content-Length: 5', '');
  await client.receives('head seen');
});

test('trailers are passed on both ways', async (t) => {
  const service = await startService(t, (request, response) => {
    request.resume();
    request.on('end', () => {
      response.writeHead(200);
      response.write('body');
      response.addTrailers([
        ['X-Seen', JSON.stringify(request.rawTrailers)],
        ['Transfer-Encoding', 'gzip'],
      ]);
      response.end();
    });
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('POST / HTTP/1.1', 'Host: a', 'Connection: close', 'Transfer-Encoding: chunked', '');
  client.send('1', 'x', '0', 'X-Sum: 7', 'Host: evil', '');
  assert.match(await client.closed(), /\r\n0\r\nX-Seen: \["X-Sum","7"\]\r\n\r\n$/);
});

for (const method of ['GET', 'OPTIONS', 'DELETE', 'POST', 'PROPFIND']) {
  test(`the body of a ${method} reaches the service`, async (t) => {
    const service = await startService(t, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => response.end(`${request.method} got ${Buffer.concat(chunks).toString()}`));
    });
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
    const client = new RawHttp1Client(t, edge.port);
    client.send(`${method} / HTTP/1.1`, 'Host: a', 'Content-Length: 5', '').write('hello');
    await client.receives(`${method} got hello`);
    client.send(`${method} / HTTP/1.1`, 'Host: a', 'Transfer-Encoding: chunked', '', '3', 'abc', '0', '');
    await client.receives(`${method} got abc`);
    client.send(`${method} / HTTP/1.1`, 'Host: a', '');
    await client.receives(/got $|got \r\n/);
    assert.equal(service.connections, 1);
  });
}

test('responses without a body are passed on as such', async (t) => {
  const service = await startService(t, (request, response) => {
    if (request.url === '/head') response.writeHead(200, { 'content-length': 12 });
    else if (request.url === '/304') response.writeHead(304, { etag: '"x"', 'content-length': 12 });
    else if (request.url === '/416')
      response.writeHead(416, { 'content-range': 'bytes */9', 'content-length': 0 });
    else response.writeHead(204);
    response.end();
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('HEAD /head HTTP/1.1', 'Host: a', '');
  assert.match(await client.receives('\r\n\r\n'), /200 OK\r\n[^]*Content-Length: 12\r\n/);
  client.text = '';
  client.send('GET /304 HTTP/1.1', 'Host: a', '');
  assert.match(
    await client.receives('\r\n\r\n'),
    /304 Not Modified\r\netag: "x"\r\n[^]*Content-Length: 12\r\n/,
  );
  client.text = '';
  client.send('GET /204 HTTP/1.1', 'Host: a', '');
  assert.doesNotMatch(await client.receives('\r\n\r\n'), /Content-Length|Transfer-Encoding/i);
  client.text = '';
  client.send('GET /416 HTTP/1.1', 'Host: a', 'Range: bytes=100-', 'Connection: close', '');
  assert.match(await client.closed(), /416 Range Not Satisfiable\r\ncontent-range: bytes \*\/9\r\n/);
});

test('part of a resource is passed on as part of it', async (t) => {
  const service = await startService(t, (request, response) => {
    response.writeHead(206, { 'content-range': 'bytes 2-3/9', 'content-length': 2 });
    response.end(request.headers.range === 'bytes=2-3' ? 'cd' : 'no');
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET / HTTP/1.1', 'Host: a', 'Range: bytes=2-3', 'Connection: close', '');
  assert.match(await client.closed(), /^HTTP\/1.1 206 Partial Content\r\n[^]*\r\n\r\ncd$/);
});

test('Expect: 100-continue reaches the service, and its 100 the client, so that the body comes', async (t) => {
  const service = await startService(t, (request, response) => {
    request.resume();
    request.on('end', () => response.end(`expect: ${request.headers.expect ?? 'none'}`));
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('PUT / HTTP/1.1', 'Host: a', 'Content-Length: 2', 'Expect: 100-continue', '');
  await client.receives('HTTP/1.1 100 Continue\r\n\r\n');
  client.write('ok');
  await client.receives('expect: 100-continue');
});

test('interim responses of the service are passed on, and not mistaken for its answer', async (t) => {
  const service = await startService(t, (_request, response) => {
    response.writeEarlyHints({ link: '</a.css>; rel=preload' });
    response.writeProcessing();
    response.end('final');
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET / HTTP/1.1', 'Host: a', 'Connection: close', '');
  const told = await client.closed();
  const early = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n';
  assert.ok(told.startsWith(`${early}HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n`), told);
  assert.ok(told.endsWith('final'), told);
});

test('an HTTP/1.0 client gets a response without chunks, and its connection closed', async (t) => {
  const service = await startService(t, (_request, response) => {
    response.write('one ');
    response.end('two');
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET / HTTP/1.0', '');
  const text = await client.closed();
  assert.doesNotMatch(text, /transfer-encoding/i);
  assert.match(text, /\r\n\r\none two$/);
});

test('pipelined requests are answered in their order, each when the one before it is done', async (t) => {
  const running = new Set<string>();
  const service = await startService(t, (request, response) => {
    running.add(request.url ?? '');
    setImmediate(() => {
      running.delete(request.url ?? '');
      response.end(`answer ${request.url}, beside ${running.size}`);
    });
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  const requests = ['/1', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  client.write(requests.join(''));
  const text = await client.receives('answer /3');
  assert.deepEqual(text.match(/answer .{12}/g), [
    'answer /1, beside 0',
    'answer /2, beside 0',
    'answer /3, beside 0',
  ]);
});

test('a client that piles up requests is cut off', async (t) => {
  const service = await startService(t, () => undefined);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(200));
  await client.closed();
  assert.deepEqual(edge.refused[0], 'http1_request_invalid: 100 requests without an answer');
  await eventually('nothing runs', () => edge.http1.exchangeCount === 0);
});

test('a client that goes away takes its request to the service with it', async (t) => {
  let isClosed = false;
  const service = await startService(t, (request) => {
    request.socket.once('close', () => {
      isClosed = true;
    });
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET / HTTP/1.1', 'Host: a', '');
  await eventually('the request is there', () => service.connections === 1);
  client.socket.destroy();
  await eventually("the service's connection is closed", () => isClosed);
  const record = await edge.record();
  assert.equal(record.endedBy, 'downstream');
  assert.equal(record.httpStatus, 0);
});

test('Upgrade: h2c is ignored, and not sent on', async (t) => {
  const service = await startService(t, (request, response) => {
    response.end(
      JSON.stringify([request.headers.upgrade ?? null, request.headers['http2-settings'] ?? null]),
    );
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  const upgrade = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'];
  client.send('GET / HTTP/1.1', 'Host: a', ...upgrade, '');
  await client.receives('[null,null]');
});

test('no route: 404 with a sentence, and the connection stays usable', async (t) => {
  const match = { path: '/known', host: undefined, headers: new Map<string, string>(), listener: undefined };
  const service = await startService(t, (_request, response) => response.end('known'));
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address], routes: [{ match }] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('POST /unknown HTTP/1.1', 'Host: a', 'Content-Length: 3', '').write('abc');
  assert.match(await client.receives('/unknown'), /^HTTP\/1.1 404 Not Found\r\n/);
  client.send('GET /known HTTP/1.1', 'Host: a', '');
  await client.receives(/\r\n\r\nknown$/);
  assert.match((await edge.record()).reason, /^no_route: /);
});

test('more fields than the limit allows: 431', async (t) => {
  const service = await startService(t, () => assert.fail('it was forwarded'));
  const edge = await EdgeUnderTest.start(t, {
    endpoints: [service.address],
    limits: { headerFields: 20 },
  });
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET / HTTP/1.1', 'Host: a', ...Array.from({ length: 30 }, (_, index) => `X-${index}: 1`), '');
  assert.match(await client.receives('limits.headerFields'), /^HTTP\/1.1 431 /);
});

test('the rest of a body that the service did not wait for is dropped, and the connection goes on', async (t) => {
  const service = await startService(t, (request, response) => {
    if (request.url === '/early')
      response.writeHead(413, { 'content-length': 3, connection: 'close' }).end('big');
    else response.end('next');
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('POST /early HTTP/1.1', 'Host: a', 'Content-Length: 300000', '').write('x'.repeat(1000));
  await client.receives(/413 [^]*big$/);
  client.write('x'.repeat(299_000));
  client.send('GET /next HTTP/1.1', 'Host: a', '');
  await client.receives(/\r\n\r\nnext$/);
});

test('requests take turns at the endpoints', async (t) => {
  const [one, two] = await Promise.all([
    startService(t, (_request, response) => response.end('one')),
    startService(t, (_request, response) => response.end('two')),
  ]);
  const edge = await EdgeUnderTest.start(t, { endpoints: [one.address, two.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(4));
  const text = await eventually('four answers', () =>
    client.text.match(/one|two/g)?.length === 4 ? client.text : undefined,
  );
  assert.deepEqual(text.match(/one|two/g), ['one', 'two', 'one', 'two']);
});

test('an address without a service is passed over, also for requests with a body, and then avoided', async (t) => {
  const service = await startService(t, (request, response) => request.pipe(response));
  const endpoints = [addressOf(1), service.address];
  const edge = await EdgeUnderTest.start(t, { endpoints });
  const client = new RawHttp1Client(t, edge.port);
  for (const attempts of [2, 1, 1]) {
    client.text = '';
    client.send('POST / HTTP/1.1', 'Host: a', 'Content-Length: 4', '').write('body');
    await client.receives('body');
    assert.equal((await edge.record()).attempts, attempts);
  }
  assert.deepEqual(edge.failures, ['upstream_connection_refused']);
});

function stringsOf(value: unknown): string[] {
  assert.ok(Array.isArray(value));
  return value.map(String);
}

test('what is pipelined behind a response that ends the connection never reaches the service', async (t) => {
  const asked: string[] = [];
  const service = await startService(t, (request, response) => {
    asked.push(request.url ?? '');
    if (asked.length === 1) service.server.once('test-event', () => response.end('first'));
    else response.end('second');
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET /1 HTTP/1.1', 'Host: a', '', 'GET /2 HTTP/1.1', 'Host: a', '');
  await eventually('the first is under way', () => asked.length === 1);
  const drained = edge.http1.drain();
  service.server.emit('test-event');
  assert.match(await client.closed(), /^HTTP\/1\.1 200 OK\r\n[^]*\r\nfirst(\r\n0\r\n\r\n)?$/);
  await drained;
  assert.deepEqual(asked, ['/1']);
});

test('a request that is refused is refused behind the answers before it', async (t) => {
  const service = await startService(t, (_request, response) => response.end('served'));
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET / HTTP/1.1', 'Host: a', '', 'GET / HTTP/1.1', '', 'GET / HTTP/1.1', 'Host: a', '');
  const text = await client.closed();
  assert.match(
    text,
    /^HTTP\/1\.1 200 OK\r\n[^]*servedHTTP\/1\.1 400 Bad Request\r\n[^]*no Host field[^]*FG1015/,
  );
  assert.equal(service.connections, 1);
  assert.deepEqual(edge.faults, []);
});

test('an HTTP/1.0 client gets no chunks, even where it says that it takes them', async (t) => {
  const service = await startService(t, (_request, response) => {
    response.write('in ');
    setImmediate(() => response.end('pieces'));
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET / HTTP/1.0', 'Connection: keep-alive, TE', 'TE: chunked', '');
  const text = await client.closed();
  assert.match(text, /\r\n\r\nin pieces$/);
  assert.doesNotMatch(text, /transfer-encoding/i);
});

test('a request that is aborted while it waits for its turn is answered in its turn, and reaches no service', async (t) => {
  const asked: string[] = [];
  let finish: (() => void) | undefined;
  const service = await startService(t, (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.write('begun ');
    finish = () => response.end('and ended');
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET /1 HTTP/1.1', 'Host: a', '', 'DELETE /2 HTTP/1.1', 'Host: a', '');
  await client.receives('begun');
  await eventually('both are there', () => edge.http1.exchangeCount === 2);
  const running = t.mock.method(RunningRequest.prototype, 'abort');
  running.mock.mockImplementationOnce(() => undefined);
  // The first goes on: its turn is over before the time is.
  edge.http1.abort(failure('draining', 'The time is over.'));
  running.mock.restore();
  finish?.();
  const text = await client.receives(/503 Service Unavailable[^]*The time is over\. \(FG3006\)\n$/);
  assert.match(text, /^HTTP\/1\.1 200 OK[^]*and ended[^]*HTTP\/1\.1 503 /);
  assert.deepEqual(asked, ['GET /1']);
  await eventually('nothing runs', () => edge.http1.exchangeCount === 0);
  assert.deepEqual(
    edge.records.map(({ httpStatus }) => httpStatus),
    [200, 503],
  );
});

test('a client whose answer is whole sends the rest of its body to nobody', async (t) => {
  const service = await startService(t, (_request, response) =>
    response.writeHead(413, { connection: 'close', 'content-length': 3 }).end('big'),
  );
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('POST / HTTP/1.1', 'Host: a', 'Content-Length: 10000000', '').write('x'.repeat(1000));
  await client.receives(/big$/);
  const { requestBytes } = await edge.record();
  client.write('x'.repeat(3_000_000));
  await eventually('it is read', () => client.socket.writableLength === 0);
  assert.ok(requestBytes <= 1000);
});

test('what a client may send ahead of a service that reads nothing is bounded', async (t) => {
  const service = await startService(t, (request) => request.pause());
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('POST / HTTP/1.1', 'Host: a', 'Content-Length: 100000000', '');
  const block = Buffer.alloc(1_000_000, 'x');
  for (let count = 0; count < 60; count++) client.socket.write(block);
  await eventually('it runs', () => edge.http1.runningCalls.length === 1);
  const [exchange] = edge.http1.runningCalls;
  let before = -1;
  let looks = 0;
  // Within this process each turn of the event loop moves what can move.
  await eventually('nothing more is read', () => {
    const { requestBytes } = exchange.traffic;
    looks = requestBytes > 0 && requestBytes === before ? looks + 1 : 0;
    before = requestBytes;
    return looks === 100;
  });
  assert.ok(client.socket.writableLength > 10_000_000, `${client.socket.writableLength} wait`);
});
