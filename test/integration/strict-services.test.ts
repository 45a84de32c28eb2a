// What a client writes and a service refuses is answered here: it would be a reset on the connection that carries the calls
// of others, and services end a connection after some of those (Node after 1,000).

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { SettingId } from '../../src/h2/settings.ts';
import { startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import type { Fields } from '../support/raw-frames.ts';

interface StrictService {
  readonly address: string;
  readonly requests: readonly IncomingHttpHeaders[];
  /** Connections made to it. */
  readonly sessions: readonly unknown[];
}

/** A gRPC service on Node's own HTTP/2, which is nghttp2's, with the limits it has by default. */
async function startStrictService(t: TestContext): Promise<StrictService> {
  const requests: IncomingHttpHeaders[] = [];
  const sessions: { destroy(): void }[] = [];
  const server = createServer();
  server.on('session', (session) => sessions.push(session));
  server.on('sessionError', () => undefined);
  server.on('stream', (stream, headers) => {
    requests.push(headers);
    stream.on('error', () => undefined);
    stream.resume();
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': 0 },
      { endStream: true },
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const session of sessions) session.destroy();
  });
  const bound = server.address();
  assert.ok(bound !== null && typeof bound === 'object');
  return { address: `127.0.0.1:${bound.port}`, requests, sessions };
}

async function statusOf(client: RawClient, fields: Fields, path?: string): Promise<string | undefined> {
  const { grpcStatus, resetCode } = await client.outcome(
    client.call({ fields, ...(path !== undefined && { path }) }),
  );
  return grpcStatus ?? `reset ${resetCode}`;
}

const ODD: readonly (readonly [what: string, fields: Fields, path?: string])[] = [
  ...['a"b', 'a?b', 'a\\b', 'a<b', 'a\tb', 'user@a', 'a/b', 'a%2Fb', 'a:1:2'].map(
    (authority) => [`the authority ${JSON.stringify(authority)}`, [[':authority', authority]]] as const,
  ),
  ['no authority', [[':authority', '']]],
  ['another host beside its authority', [['host', 'other.test']]],
  ['< in its path', [], '/a.B/<C>'],
  ['a percent sign alone in its path', [], '/a.B/%'],
  ['bytes that are no UTF-8 in its path', [], '/a.B/\xff'],
  ['bytes that are no UTF-8 in a field', [['x-name', 'caf\xe9']]],
];

test('odd authorities and paths are answered with a status, and the service is not asked', async (t) => {
  const service = await startStrictService(t);
  const proxy = await startProxy(t, { endpoints: [service.address] });
  const client = await proxy.rawClient('clear');
  for (const [what, fields, path] of ODD) assert.equal(await statusOf(client, fields, path), '13', what);
  assert.equal(service.requests.length, 0);
  assert.equal(await statusOf(client, []), '0');
});

test('a thousand and one odd authorities do not end the connection to the service, and other calls succeed', async (t) => {
  const service = await startStrictService(t);
  const proxy = await startProxy(t, { endpoints: [service.address], connections: { max: 1 } });
  const bystander = await proxy.rawClient('clear');
  assert.equal(await statusOf(bystander, []), '0');
  const attacker = await proxy.rawClient('clear');
  for (let count = 0; count < 1001; count += 91) {
    const calls = Array.from({ length: 91 }, () => attacker.call({ fields: [[':authority', 'a"b']] }));
    for (const call of calls) assert.equal((await attacker.outcome(call)).grpcStatus, '13');
    assert.equal(await statusOf(bystander, []), '0');
  }
  assert.equal(service.sessions.length, 1);
});

test('equal content-lengths reach the service as one', async (t) => {
  const service = await startStrictService(t);
  const proxy = await startProxy(t, { endpoints: [service.address] });
  const client = await proxy.rawClient('clear');
  const body = Buffer.from([0, 0, 0, 0, 0]);
  for (const fields of [
    [
      ['content-length', '5'],
      ['content-length', '5'],
    ],
    [['content-length', '5, 5']],
  ] as const) {
    const { grpcStatus } = await client.outcome(client.call({ fields, body }));
    assert.equal(grpcStatus, '0');
    assert.equal(service.requests.at(-1)?.['content-length'], '5');
  }
});

test('what gRPC clients write of their own reaches the service as a host and a port', async (t) => {
  const service = await startStrictService(t);
  const proxy = await startProxy(t, { endpoints: [service.address] });
  const client = await proxy.rawClient('clear');
  // grpcio with a target of several addresses, and any client that calls a link-local address.
  for (const [authority, expected] of [
    ['192.0.2.1:443,192.0.2.2:443', '192.0.2.1:443'],
    ['[fe80::1%25eth0]:443', '[fe80::1]:443'],
    ['example.test:', 'example.test'],
  ] as const) {
    assert.equal(await statusOf(client, [[':authority', authority]]), '0', authority);
    assert.equal(service.requests.at(-1)?.[':authority'], expected);
    assert.equal(service.requests.at(-1)?.['x-forwarded-host'], expected);
  }
});

test('a request larger than the service has announced to accept is answered here', async (t) => {
  // As grpc-java does, which ends the connection for a block that is larger by a quarter.
  const upstream = await startRawUpstream(t, {
    settings: [[SettingId.MAX_HEADER_LIST_SIZE, 8192]],
    onRequestEnd: (request) => request.succeed(),
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  const large: Fields = [['x-large', 'y'.repeat(8000)]];
  const { grpcStatus, grpcMessage } = await client.outcome(client.call({ fields: large }));
  assert.equal(grpcStatus, '8');
  assert.match(grpcMessage, /larger than 127\.0\.0\.1:\d+ accepts: 8192 bytes/);
  assert.equal(upstream.requests.length, 0);
  assert.equal(await statusOf(client, []), '0');
  assert.equal(upstream.peers.length, 1);
});

test('a response larger than the client has announced to accept is replaced by a status', async (t) => {
  const large: Fields = [['x-large', 'y'.repeat(8200)]];
  const upstream = await startRawUpstream(t, {
    onRequestEnd: (request) => {
      if (request.field('x-want') === 'head') {
        request.sendHeaders([[':status', '200'], ['content-type', 'application/grpc'], ...large]);
        return;
      }
      request.sendHeaders();
      request.sendTrailers([['grpc-status', '0'], ...large]);
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear', { settings: [[SettingId.MAX_HEADER_LIST_SIZE, 8192]] });
  for (const want of ['head', 'trailers']) {
    const { grpcStatus, grpcMessage } = await client.outcome(client.call({ fields: [['x-want', want]] }));
    assert.equal(grpcStatus, '8', want);
    assert.match(grpcMessage, /larger than this client accepts: 8192 bytes/);
  }
});
