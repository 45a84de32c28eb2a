// Requests whose end, host or target two parsers could see differently (RFC 9112, RFC 9110): each is refused, its
// connection closes, and nothing of it reaches the service.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EdgeUnderTest, RawHttp1Client, startRawService } from './edge-under-test.ts';

const HOST = 'Host: a';
const CASES: Readonly<Record<string, readonly [status: number, request: string]>> = {
  'Content-Length and Transfer-Encoding': [
    400,
    lines('POST / HTTP/1.1', HOST, 'Content-Length: 5', 'Transfer-Encoding: chunked', '', '0', ''),
  ],
  'Transfer-Encoding and Content-Length': [
    400,
    lines('POST / HTTP/1.1', HOST, 'Transfer-Encoding: chunked', 'Content-Length: 5', '', '0', ''),
  ],
  'two lengths': [
    400,
    lines('POST / HTTP/1.1', HOST, 'Content-Length: 5', 'Content-Length: 6', '', 'hello!'),
  ],
  'the same length twice': [
    400,
    lines('POST / HTTP/1.1', HOST, 'Content-Length: 5', 'Content-Length: 5', '', 'hello'),
  ],
  'a list of lengths': [400, lines('POST / HTTP/1.1', HOST, 'Content-Length: 5, 5', '', 'hello')],
  'a length with a sign': [400, lines('POST / HTTP/1.1', HOST, 'Content-Length: +5', '', 'hello')],
  'a hexadecimal length': [400, lines('POST / HTTP/1.1', HOST, 'Content-Length: 0x5', '', 'hello')],
  'a folded field': [400, lines('GET / HTTP/1.1', HOST, 'X-A: 1', ' folded', '')],
  'a folded Transfer-Encoding': [
    400,
    lines('POST / HTTP/1.1', HOST, 'Transfer-Encoding:', ' chunked', '', '0', ''),
  ],
  'a space before the colon': [400, lines('POST / HTTP/1.1', HOST, 'Content-Length : 5', '', 'hello')],
  'a field without a name': [400, lines('GET / HTTP/1.1', HOST, ': x', '')],
  'a bare LF': [400, 'GET / HTTP/1.1\nHost: a\n\n'],
  'a NUL in a value': [400, lines('GET / HTTP/1.1', HOST, 'X-A: a\0b', '')],
  'a bare CR in a value': [400, lines('GET / HTTP/1.1', HOST, 'X-A: a\rb', '')],
  'a chunk size that is none': [
    400,
    lines('POST / HTTP/1.1', HOST, 'Transfer-Encoding: chunked', '', 'zz', ''),
  ],
  'a coding besides chunked': [
    501,
    lines('POST / HTTP/1.1', HOST, 'Transfer-Encoding: gzip, chunked', '', '0', ''),
  ],
  'chunked twice': [
    400,
    lines('POST / HTTP/1.1', HOST, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked', '', '0', ''),
  ],
  'a coding that does not end in chunked': [
    400,
    lines('POST / HTTP/1.1', HOST, 'Transfer-Encoding: chunked, gzip', '', '0', ''),
  ],
  'chunks in HTTP/1.0': [400, lines('POST / HTTP/1.0', HOST, 'Transfer-Encoding: chunked', '', '0', '')],
  'two hosts': [400, lines('GET / HTTP/1.1', HOST, 'Host: b', '')],
  'no host': [400, lines('GET / HTTP/1.1', '')],
  'a host with a user': [400, lines('GET / HTTP/1.1', 'Host: user@a', '')],
  'a host with a path': [400, lines('GET / HTTP/1.1', 'Host: a/b', '')],
  'a host with a space': [400, lines('GET / HTTP/1.1', 'Host: a b', '')],
  'a list of hosts': [400, lines('GET / HTTP/1.1', 'Host: a, b', '')],
  'a target that is no path': [400, lines('GET index.html HTTP/1.1', HOST, '')],
  'an asterisk without OPTIONS': [400, lines('GET * HTTP/1.1', HOST, '')],
  'a target of another scheme': [400, lines('GET ftp://a/ HTTP/1.1', HOST, '')],
  'a target with a user': [400, lines('GET http://user@a/ HTTP/1.1', HOST, '')],
  'a fragment': [400, lines('GET /a#b HTTP/1.1', HOST, '')],
  'a space in the target': [400, lines('GET /a b HTTP/1.1', HOST, '')],
  'HTTP/2.0 as a version': [505, lines('GET / HTTP/2.0', HOST, '')],
  'HTTP/1.2 as a version': [400, lines('GET / HTTP/1.2', HOST, '')],
};

for (const [name, [status, request]] of Object.entries(CASES)) {
  test(`refused: ${name}`, async (t) => {
    const service = await startRawService(t, () => assert.fail('it was forwarded'));
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
    const client = new RawHttp1Client(t, edge.port);
    client.write(request);
    const text = await client.closed();
    assert.match(text, new RegExp(`^HTTP/1.1 ${status} [^]*Connection: close\\r\\n`, 'i'));
    // A connection may have been made for a body that turned out to be none.
    assert.equal(service.received.join(''), '');
    assert.equal(edge.http1.exchangeCount, 0);
  });
}

test('bad chunks behind a good one break the request off', async (t) => {
  const service = await startRawService(t, () => undefined);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('POST / HTTP/1.1', HOST, 'Transfer-Encoding: chunked', '', '2', 'ok', '-1', '');
  await client.closed();
  assert.doesNotMatch(service.received.join(''), /\r\n0\r\n/);
});

test('the host of an absolute target counts, and Host does not', async (t) => {
  const service = await startRawService(t, () => 'HTTP/1.1 204 No Content\r\n\r\n');
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET http://real.example:81?q HTTP/1.1', 'Host: other', '');
  await client.receives('204 No Content');
  assert.match(service.received[0], /^GET \/\?q HTTP\/1.1\r\nHost: real.example:81\r\n/);
  assert.equal((await edge.record()).subject.authority, 'real.example:81');
});

test('OPTIONS * is passed on as such', async (t) => {
  const service = await startRawService(t, () => 'HTTP/1.1 204 No Content\r\n\r\n');
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('OPTIONS * HTTP/1.1', HOST, '');
  await client.receives('204 No Content');
  assert.match(service.received[0], /^OPTIONS \* HTTP\/1.1\r\n/);
});

test('Connection cannot have the fields taken away that the end of the body depends on', async (t) => {
  const service = await startRawService(t, () => 'HTTP/1.1 204 No Content\r\n\r\n');
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client
    .send('POST / HTTP/1.1', HOST, 'Content-Length: 2', 'Connection: Content-Length, Host', '')
    .write('ok');
  await client.receives('204 No Content');
  assert.match(service.received[0], /\r\nHost: a\r\n[^]*Content-Length: 2\r\n/);
});

function lines(...texts: readonly string[]): string {
  return `${texts.join('\r\n')}\r\n`;
}
