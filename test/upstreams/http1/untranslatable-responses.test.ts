// Responses of HTTP/1.1 services that cannot be passed on exactly: the client gets a 502 that says why, over HTTP/1.1 and over
// HTTP/2, and nothing of what came behind them becomes the answer to another request.

import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { EdgeUnderTest, RawHttp1Client, startRawService } from '../../edges/edge-under-test.ts';
import { eventually } from '../../support/eventually.ts';
import { http2Answer } from '../../support/http2-answer.ts';

const CHUNKED = 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n';
const LENGTH = 'Content-Length: 3\r\n\r\nabc';

const INVALID: readonly (readonly [what: string, response: string, says: RegExp])[] = [
  ['another coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc', /another Transfer-Encoding/],
  [
    'another coding before chunked',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    /another Transfer-Encoding/,
  ],
  [
    'chunked twice',
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${CHUNKED}`,
    /another Transfer-Encoding/,
  ],
  [
    'a coding behind chunked',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    /another Transfer-Encoding/,
  ],
  ['an empty coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: \r\n\r\nabc', /another Transfer-Encoding/],
  ['a length and a coding', `HTTP/1.1 200 OK\r\nContent-Length: 3\r\n${CHUNKED}`, /malformed/],
  ['a coding and a length', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${LENGTH}`, /malformed/],
  ['two lengths', `HTTP/1.1 200 OK\r\nContent-Length: 4\r\n${LENGTH}`, /malformed/],
  ['the same length twice', `HTTP/1.1 200 OK\r\nContent-Length: 3\r\n${LENGTH}`, /malformed/],
  ['a list of lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc', /malformed/],
  ['a length with a sign', 'HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc', /malformed/],
  ['a length without digits', 'HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\nabc', /malformed/],
  ['chunks in HTTP/1.0', `HTTP/1.0 200 OK\r\n${CHUNKED}`, /Transfer-Encoding in HTTP\/1\.0/],
  ['HTTP/2.0 in its first line', `HTTP/2.0 200 OK\r\n${LENGTH}`, /answered in HTTP\/2\.0/],
  ['HTTP/0.9 in its first line', `HTTP/0.9 200 OK\r\n${LENGTH}`, /answered in HTTP\/0\.9/],
  ['HTTP/1.2 in its first line', `HTTP/1.2 200 OK\r\n${LENGTH}`, /malformed/],
  ['no first line, as in HTTP/0.9', '<html>hello</html>', /other than HTTP\/1\.1/],
  ['a bare LF behind the first line', `HTTP/1.1 200 OK\n${LENGTH}`, /malformed/],
  ['a bare LF behind a field', `HTTP/1.1 200 OK\r\nX: a\n${LENGTH}`, /malformed/],
  ['a bare CR in a field', `HTTP/1.1 200 OK\r\nX: a\rb\r\n${LENGTH}`, /malformed/],
  ['a folded field', `HTTP/1.1 200 OK\r\nX: a\r\n b\r\n${LENGTH}`, /malformed/],
  ['NUL in a field', `HTTP/1.1 200 OK\r\nX: a\0b\r\n${LENGTH}`, /malformed/],
  ['a control character in a field', `HTTP/1.1 200 OK\r\nX: a\x01b\r\n${LENGTH}`, /malformed/],
  ['DEL in a field', `HTTP/1.1 200 OK\r\nX: a\x7fb\r\n${LENGTH}`, /malformed/],
  ['a field without a name', `HTTP/1.1 200 OK\r\n: a\r\n${LENGTH}`, /malformed/],
  ['a name with a space', `HTTP/1.1 200 OK\r\nA B: a\r\n${LENGTH}`, /malformed/],
  ['a space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc', /malformed/],
  ['a name that HTTP/2 has not', `HTTP/1.1 200 OK\r\nX@: a\r\n${LENGTH}`, /malformed/],
  ['a pseudo-header field', `HTTP/1.1 200 OK\r\n:status: 200\r\n${LENGTH}`, /malformed/],
  ['a status below 100', `HTTP/1.1 099 Odd\r\n${LENGTH}`, /below 100 or above 599/],
  ['a status above 599', `HTTP/1.1 600 Odd\r\n${LENGTH}`, /below 100 or above 599/],
  ['a status of four digits', `HTTP/1.1 2000 Odd\r\n${LENGTH}`, /malformed/],
  ['a status of two digits', `HTTP/1.1 20 Odd\r\n${LENGTH}`, /malformed/],
  [
    'status 101, unasked',
    'HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    /status 101/,
  ],
  ['status 101 to nothing', 'HTTP/1.1 101 S\r\n\r\n', /status 101/],
  ['nothing behind status 100', 'HTTP/1.1 100 Continue\r\n\r\n', /closed the connection before/],
  [
    'a length in Connection',
    `HTTP/1.1 200 OK\r\nConnection: content-length\r\n${LENGTH}`,
    /named content-length/,
  ],
  [
    'Cache-Control in Connection',
    `HTTP/1.1 200 OK\r\nConnection: close, Cache-Control\r\nCache-Control: private\r\n${LENGTH}`,
    /named cache-control/,
  ],
  ['content behind 205', `HTTP/1.1 205 Reset\r\n${LENGTH}`, /behind status 205/],
  ['chunks behind 205', `HTTP/1.1 205 Reset\r\n${CHUNKED}`, /behind status 205/],
  [
    'content without a length behind 205',
    'HTTP/1.1 205 Reset\r\nConnection: close\r\n\r\nabc',
    /behind status 205/,
  ],
];

for (const [what, response, says] of INVALID) {
  test(`a response with ${what} is a 502 that says so`, async (t) => {
    const service = await startRawService(t, (_received, socket) => {
      socket.end(response, 'latin1');
      return undefined;
    });
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
    const client = new RawHttp1Client(t, edge.port);
    client.send('GET / HTTP/1.1', 'Host: a', 'Connection: close', '');
    const text = await client.closed();
    assert.match(text, /^HTTP\/1.1 502 Bad Gateway\r\n/);
    assert.match(text, says);
    assert.doesNotMatch(text, /abc/);
    const answer = await http2Answer(edge.h2(t).request({ ':path': '/', ':authority': 'a' }));
    assert.equal(answer.status, 502);
    assert.match(answer.body, says);
    assert.deepEqual(edge.faults, []);
    await eventually('no place is taken', () => edge.upstream.endpoints[0].activeCalls === 0);
  });
}

const VALID: readonly (readonly [what: string, response: string, status: number, body: string])[] = [
  ['an upper-case name', `HTTP/1.1 200 OK\r\nX-UPPER: a\r\n${LENGTH}`, 200, 'abc'],
  ['bytes above ASCII', `HTTP/1.1 200 OK\r\nX: \xe4\xff\r\n${LENGTH}`, 200, 'abc'],
  ['no reason phrase', `HTTP/1.1 200\r\n${LENGTH}`, 200, 'abc'],
  ['HTTP/1.0 until its end', 'HTTP/1.0 200 OK\r\n\r\nabc', 200, 'abc'],
  ['an offer to upgrade', `HTTP/1.1 200 OK\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n${LENGTH}`, 200, 'abc'],
  ['205 without content', 'HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n', 205, ''],
  ['205 with an empty chunk', 'HTTP/1.1 205 Reset\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 205, ''],
  ['205 that ends with its connection', 'HTTP/1.1 205 Reset\r\nConnection: close\r\n\r\n', 205, ''],
  ['content behind 204', `HTTP/1.1 204 None\r\n${LENGTH}`, 204, ''],
  ['chunks behind 204', `HTTP/1.1 204 None\r\n${CHUNKED}`, 204, ''],
  ['content behind 304', `HTTP/1.1 304 None\r\n${LENGTH}`, 304, ''],
  ['chunks behind 304', `HTTP/1.1 304 None\r\n${CHUNKED}`, 304, ''],
  ['more than its length', `HTTP/1.1 200 OK\r\n${LENGTH}def`, 200, 'abc'],
  ['another response behind it', `HTTP/1.1 200 OK\r\n${LENGTH}HTTP/1.1 200 OK\r\n${LENGTH}`, 200, 'abc'],
  ['more than its last chunk', `HTTP/1.1 200 OK\r\n${CHUNKED}def`, 200, 'abc'],
  ['more than its length before its end', `HTTP/1.1 200 OK\r\nConnection: close\r\n${LENGTH}def`, 200, 'abc'],
];

for (const [what, response, status, body] of VALID) {
  test(`a response with ${what} is passed on whole, and nothing behind it`, async (t) => {
    const service = await startRawService(t, (_received, socket) => {
      socket.end(response, 'latin1');
      return undefined;
    });
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
    const client = new RawHttp1Client(t, edge.port);
    client.send('GET / HTTP/1.1', 'Host: a', 'Connection: close', '');
    const text = await client.closed();
    assert.match(text, new RegExp(`^HTTP/1.1 ${status} `));
    const [, content] = text.split(/\r\n\r\n([^]*)/);
    assert.equal(/\r\ntransfer-encoding: chunked/i.test(text) ? unchunked(content) : content, body);
    const answer = await http2Answer(edge.h2(t).request({ ':path': '/', ':authority': 'a' }));
    assert.deepEqual([answer.status, answer.body, answer.isWhole], [status, body, true]);
    assert.deepEqual(edge.faults, []);
  });
}

function unchunked(text: string): string {
  return text.replaceAll(/(?:^|\r\n)[0-9a-f]+\r\n/g, '').trimEnd();
}

test('content behind an answer to HEAD reaches nobody', async (t) => {
  for (const framing of [LENGTH, CHUNKED]) {
    const service = await startRawService(t, () => `HTTP/1.1 200 OK\r\n${framing}`);
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
    const client = new RawHttp1Client(t, edge.port);
    client.send('HEAD / HTTP/1.1', 'Host: a', 'Connection: close', '');
    assert.match(await client.closed(), /^HTTP\/1.1 200 OK\r\n[^]*\r\n\r\n$/);
    const head = { ':path': '/', ':authority': 'a', ':method': 'HEAD' };
    const answer = await http2Answer(edge.h2(t).request(head));
    assert.deepEqual([answer.status, answer.body, answer.isWhole], [200, '', true]);
  }
});

/** What a service sends too much of, and when. */
const POISON = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison';
/** As long as what Node reads of a socket at once. */
const READ_BYTES = 65_536;
const FULL_READ = ((): string => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: ';
  const length = READ_BYTES - head.length - '65000\r\n\r\n'.length;
  return `${head}${length}\r\n\r\n${'x'.repeat(length)}`;
})();
const POISONERS: readonly (readonly [
  what: string,
  method: string,
  head: string,
  behind: (socket: Socket) => void,
])[] = [
  ['in the same bytes', 'GET', `HTTP/1.1 200 OK\r\n${LENGTH}${POISON}`, () => undefined],
  ['where one reading of the socket ends', 'GET', FULL_READ + POISON, () => undefined],
  ['in its next bytes', 'GET', `HTTP/1.1 200 OK\r\n${LENGTH}`, (socket) => socket.write(POISON)],
  [
    'a turn later',
    'GET',
    `HTTP/1.1 200 OK\r\n${LENGTH}`,
    (socket) => setImmediate(() => socket.write(POISON)),
  ],
  ['as the content of a HEAD', 'HEAD', `HTTP/1.1 200 OK\r\nContent-Length: ${POISON.length}\r\n\r\n`, later],
  ['as the content of a 304', 'GET', `HTTP/1.1 304 None\r\nContent-Length: ${POISON.length}\r\n\r\n`, later],
  ['as chunks behind a 204', 'GET', 'HTTP/1.1 204 None\r\nTransfer-Encoding: chunked\r\n\r\n', later],
];

function later(socket: Socket): void {
  setTimeout(() => socket.write(POISON), 20);
}

for (const [what, method, head, behind] of POISONERS) {
  test(`a second response that comes ${what} answers no other request`, async (t) => {
    const service = await startRawService(t, (received, socket) => {
      // The first request of each connection is answered so; later ones are honest.
      if (received.split('\r\n\r\n').length > 2) return `HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhonest`;
      socket.write(head, 'latin1', () => behind(socket));
      return undefined;
    });
    const edge = await EdgeUnderTest.start(t, {
      endpoints: [service.address],
      connections: { max: 1 },
    });
    const clients = [1, 2, 3, 4, 5].map((count) => {
      const client = new RawHttp1Client(t, edge.port);
      client.send(`${method} /${count} HTTP/1.1`, 'Host: a', 'Connection: close', '');
      return client;
    });
    for (const client of clients) assert.doesNotMatch(await client.closed(), /poison/);
    await eventually('no place is taken', () => edge.upstream.endpoints[0].activeCalls === 0);
  });
}

test('what comes behind a response that its client reads slowly closes the connection', async (t) => {
  const sockets: Socket[] = [];
  const block = 'x'.repeat(150_000);
  const service = await startRawService(t, (_received, socket) => {
    sockets.push(socket);
    return `HTTP/1.1 200 OK\r\nContent-Length: ${block.length}\r\n\r\n${block}`;
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const stream = edge.h2(t).request({ ':path': '/', ':authority': 'a' });
  await new Promise((resolve) => {
    stream.once('response', resolve);
  });
  await eventually('the service has sent everything', () => sockets[0].writableLength === 0);
  await new Promise((resolve) => {
    sockets[0].write(POISON, resolve);
  });
  const { body, isWhole } = await http2Answer(stream);
  assert.deepEqual([body.length, isWhole], [block.length, true]);
  await eventually('the connection is closed', () => sockets[0].destroyed || sockets[0].readableEnded);
});

test('a response before the request is complete is passed on, and its connection is not used again', async (t) => {
  const service = await startRawService(t, () => `HTTP/1.1 413 Too Large\r\n${LENGTH}`);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const session = edge.h2(t);
  for (let count = 1; count <= 3; count++) {
    const stream = session.request(
      { ':path': '/', ':authority': 'a', ':method': 'PUT' },
      { endStream: false },
    );
    stream.on('error', () => undefined);
    stream.write('begun');
    const [headers] = await new Promise<readonly [NodeJS.Dict<unknown>]>((resolve) => {
      stream.once('response', (received) => resolve([received]));
    });
    assert.equal(headers[':status'], 413);
    stream.close(8);
    await eventually('no place is taken', () => edge.upstream.endpoints[0].activeCalls === 0);
    assert.equal(service.received.length, count);
  }
});
