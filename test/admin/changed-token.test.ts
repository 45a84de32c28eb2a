// What becomes of streams when the token of the admin server changes.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { type TestContext, test } from 'node:test';
import { type AdminServer, openAdminServer } from '../../src/admin/admin-server.ts';
import type { Address } from '../../src/config/address.ts';
import { begin, portOf, watched } from '../support/admin-grpc.ts';
import { adminStateWith } from '../support/admin-state.ts';
import { eventually } from '../support/eventually.ts';
import { connectRawClient } from '../support/raw-client.ts';

const OLD = 'the-old-token-of-this-server';
const NEW = 'the-new-token-of-this-server';
const ANY: Address = { kind: 'tcp', host: '0.0.0.0', port: 0, text: '0.0.0.0:0' };
const LOOPBACK: Address = { kind: 'tcp', host: '127.0.0.1', port: 0, text: '127.0.0.1:0' };
const CONTENT = '/api/events?kinds=message&messageBytes=1';
const CLOSING = /"event":"closing","reason":"the token of the admin server has changed"/;

const state = adminStateWith({
  readiness: () => ({ ready: true }),
  subscribe: () => ({ close: () => undefined }),
  dashboard: () => ({ opening: '{"event":"open"}', frame: undefined, close: () => undefined }),
  rpc: { ...adminStateWith({}).rpc, services: async () => new Map() },
});

async function open(t: TestContext, address: Address, token?: string): Promise<AdminServer> {
  const server = await openAdminServer({ address, token }, state);
  t.after(() => server.close());
  return server;
}

interface Reader {
  text: string;
  hasEnded: boolean;
}

async function read({ address }: AdminServer, path: string, token?: string): Promise<Reader> {
  const reader: Reader = { text: '', hasEnded: false };
  const headers = { host: 'localhost', ...(token !== undefined && { authorization: `Bearer ${token}` }) };
  request({ host: '127.0.0.1', port: portOf(address), path, headers, agent: false }, (response) => {
    assert.equal(response.statusCode, 200);
    response.setEncoding('utf8').on('data', (text: string) => {
      reader.text += text;
    });
    response.on('error', () => undefined);
    response.on('close', () => {
      reader.hasEnded = true;
    });
  })
    .on('error', () => undefined)
    .end();
  await eventually(`${path} begins`, () => reader.text.includes('"open"'));
  return reader;
}

async function closed(reader: Reader): Promise<void> {
  await eventually('the stream ends', () => reader.hasEnded);
  assert.match(reader.text, CLOSING);
}

test('streams that the old token was granted end when the token changes, and not before', async (t) => {
  const server = await open(t, ANY, OLD);
  const readers = [
    await read(server, CONTENT, OLD),
    await read(server, '/api/events', OLD),
    await read(server, '/api/dashboard', OLD),
  ];
  const client = await connectRawClient({ port: portOf(server.address) });
  const stream = begin(client, 'Health/Watch', { fields: [['authorization', `Bearer ${OLD}`]] });
  await watched(client, stream, 1);
  server.useToken(OLD);
  // Also what is begun after a reload with the same token is there.
  readers.push(await read(server, CONTENT, OLD));
  assert.ok(readers.every(({ text }) => !CLOSING.test(text)));
  server.useToken(NEW);
  for (const reader of readers) await closed(reader);
  assert.equal((await client.outcome(stream)).grpcStatus, '16');
  await read(server, CONTENT, NEW);
});

test('a client that has shown the token keeps its place over a reload with the same token, and not with another', async (t) => {
  const server = await open(t, ANY, OLD);
  const port = portOf(server.address);
  for (let n = 0; n < 64; n++) {
    const client = await connectRawClient({ port });
    t.after(() => client.destroy());
    const call = { fields: [['authorization', `Bearer ${OLD}`]] } as const;
    if (n % 2 === 0) await watched(client, begin(client, 'Health/Watch', call), 1);
    else assert.equal((await client.outcome(begin(client, 'Health/Check', call))).grpcStatus, '0');
  }
  server.useToken(OLD);
  const turnedAway = await connectRawClient({ port });
  await turnedAway.wantClosed();
  server.useToken(NEW);
  const admitted = await connectRawClient({ port });
  t.after(() => admitted.destroy());
  assert.equal((await admitted.outcome(begin(admitted, 'Health/Check'))).grpcStatus, '0');
});

test('a first token ends the streams with content of those that have none, and leaves them the others', async (t) => {
  const server = await open(t, LOOPBACK);
  const content = await read(server, CONTENT);
  const others = [await read(server, '/api/events'), await read(server, '/api/dashboard')];
  server.useToken(NEW);
  await closed(content);
  await read(server, '/api/events');
  assert.ok(others.every(({ hasEnded, text }) => !hasEnded && !CLOSING.test(text)));
});

test('a token that is taken away ends no stream on this machine', async (t) => {
  const server = await open(t, LOOPBACK, OLD);
  const content = await read(server, CONTENT, OLD);
  server.useToken(undefined);
  await read(server, CONTENT);
  assert.ok(!content.hasEnded && !CLOSING.test(content.text));
});
