// What a client of HTTP/1.1 is told, over a real connection.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import { type TestContext, test } from 'node:test';
import { refuseHttp1 } from '../../src/proxy/http1-refusal.ts';

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

async function ask(t: TestContext, contentType: string, body: Buffer): Promise<Answer> {
  const server = createServer(refuseHttp1);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  const port = address === null || typeof address === 'string' ? 0 : address.port;
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const headers = { 'content-type': contentType };
  const asked = request({ host: '127.0.0.1', port, method: 'POST', headers }, resolve);
  asked.on('error', reject);
  asked.end(body);
  const response = await promise;
  const pieces: string[] = [];
  for await (const piece of response.setEncoding('utf8')) pieces.push(String(piece));
  return { status: response.statusCode, headers: response.headers, body: pieces.join('') };
}

test('gRPC over HTTP/1.1 is told how to get HTTP/2', async (t) => {
  const { status, headers, body } = await ask(t, 'application/grpc+proto', Buffer.alloc(0));
  assert.equal(status, 505);
  assert.equal(headers['content-type'], 'text/plain; charset=utf-8');
  assert.equal(headers.connection, 'close');
  assert.match(body, /gRPC needs HTTP\/2.*ALPN.*prior knowledge/);
});

test('others are told what this port serves, even in the middle of a large upload', async (t) => {
  const { status, headers, body } = await ask(t, 'application/json', Buffer.alloc(1_000_000));
  assert.equal(status, 505);
  assert.equal(headers['content-length'], String(Buffer.byteLength(body)));
  assert.match(body, /serves gRPC over HTTP\/2/);
});
