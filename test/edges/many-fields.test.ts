// Requests with more header fields than are allowed. Node drops those beyond, whichever they are: nothing of such a request may
// reach a service, and nothing of its body may be taken for a request.

import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { type TestContext, test } from 'node:test';
import { readHttp1Head } from '../../src/edges/http1-head.ts';
import { KindMemo } from '../../src/relay/kind-memo.ts';
import { standIn } from '../support/stand-in.ts';
import { EdgeUnderTest, RawHttp1Client, startService } from './edge-under-test.ts';

const MANY = 'X: y\r\n'.repeat(200);
const UPGRADE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

async function open(t: TestContext) {
  const paths: string[] = [];
  const service = await startService(t, (request, response) => {
    paths.push(request.url ?? '');
    request.resume();
    response.end('served');
  });
  service.server.on('upgrade', (request, socket) => {
    paths.push(request.url ?? '');
    socket.destroy();
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  return { edge, paths, client: new RawHttp1Client(t, edge.port) };
}

for (const [what, head] of [
  ['a request', `GET /many HTTP/1.1\r\nHost: a\r\n${MANY}\r\n`],
  ['a request whose host stands behind them', `GET /many HTTP/1.1\r\n${MANY}Host: a\r\n\r\n`],
  ['a request for a WebSocket', `GET /many HTTP/1.1\r\nHost: a\r\n${UPGRADE}${MANY}\r\n`],
  [
    'an offer that is ignored',
    `GET /many HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n${MANY}\r\n`,
  ],
] as const) {
  test(`${what} with too many fields is refused, and reaches no service`, async (t) => {
    const { client, paths } = await open(t);
    client.write(head);
    assert.match(await client.receives(/\r\n\r\n./), /^HTTP\/1\.1 4(?:00|31) /);
    assert.deepEqual(paths, []);
  });
}

test('a request with too many fields is told the key, and nothing else of its connection is served', async (t) => {
  const { client, edge, paths } = await open(t);
  client.write(`GET /many HTTP/1.1\r\nHost: a\r\n${MANY}\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n`);
  assert.match(await client.closed(), /^HTTP\/1\.1 431 [^]*limits\.headerFields[^]*$/);
  assert.deepEqual(edge.refused, ['http1_header_too_large']);
  assert.deepEqual(paths, []);
});

test('a request of which not all fields are known is refused, whatever is allowed by now', async (t) => {
  const { edge } = await open(t);
  const request = standIn<IncomingMessage>({
    method: 'GET',
    url: '/many',
    httpVersion: '1.1',
    rawHeaders: ['Host', 'a', 'X', 'y'],
  });
  const peer = { listener: 'main', client: 'c:1', clientAddress: 'c', tls: '', trusted: false };
  const kind = { isUpgrade: false, isTruncated: true };
  const head = readHttp1Head(request, peer, edge.relay.snapshot, new KindMemo(), kind);
  assert.ok('request' in head && head.request.decision.kind === 'refuse');
  assert.equal(head.request.decision.failure.token, 'request_headers_too_large');
});

for (const [what, offer] of [
  ['a length', ''],
  ['a length, and an offer that is ignored', 'Connection: Upgrade\r\nUpgrade: h2c\r\n'],
] as const) {
  test(`a body behind too many fields, of which one is ${what}, is no request`, async (t) => {
    const { client, paths } = await open(t);
    const hidden = 'GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n';
    client.write(
      `POST /many HTTP/1.1\r\nHost: a\r\n${offer}${MANY}Content-Length: ${hidden.length}\r\n\r\n${hidden}`,
    );
    await client.receives(/^HTTP\/1\.1 431 /);
    client.send('GET /next HTTP/1.1', 'Host: a', 'Connection: close', '');
    await client.closed();
    assert.ok(!paths.includes('/hidden') && !paths.includes('/many'), String(paths));
  });
}
