// A request that names no host, two, or what is no host: its client is told so in its own language, and the log blames it.
// Clients of Unix sockets name the socket, and are served.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import {
  type ProxyUnderTest,
  proxyConfigText,
  startProxy,
  startProxyOf,
  startRawUpstream,
} from '../support/proxy-under-test.ts';
import type { RawServer } from '../support/raw-server.ts';

const GRPC = { 'content-type': 'application/grpc', te: 'trailers' };

function startService(t: TestContext): Promise<RawServer> {
  return startRawUpstream(t, { onRequestEnd: (request) => request.succeed() });
}

interface Answer {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** One request over HTTP/2 on a Unix socket. */
async function callBySocket(t: TestContext, path: string, authority: string): Promise<Answer> {
  const session = connectHttp2('http://any', { createConnection: () => connect(path) });
  t.after(() => session.destroy());
  const stream = session.request({ ':method': 'POST', ':path': '/a.B/C', ':authority': authority, ...GRPC });
  stream.end();
  const answer = Promise.withResolvers<Readonly<Record<string, unknown>>>();
  const all: Record<string, unknown> = {};
  stream.on('response', (headers) => Object.assign(all, headers));
  stream.on('trailers', (trailers) => Object.assign(all, trailers));
  stream.on('close', () => answer.resolve(all));
  stream.on('error', answer.reject);
  const body = await buffer(stream);
  return { headers: await answer.promise, body: body.toString() };
}

async function startOnSocket(t: TestContext, service: RawServer): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'app.sock');
  const text = await proxyConfigText({
    endpoints: [service.address],
    sections: { listeners: [{ name: 'local', address: `unix:${path}` }] },
  });
  await startProxyOf(t, text);
  return path;
}

test('clients of a Unix socket that name its path, as grpc-java and grpcio do, are served', async (t) => {
  const service = await startService(t);
  const path = await startOnSocket(t, service);
  // grpc-java with the path itself, grpcio and newer grpc-java with the path encoded, grpc-go and grpc-js with localhost.
  for (const authority of [
    path,
    path.slice(1).replaceAll('/', '%2F'),
    encodeURIComponent(path),
    'localhost',
  ]) {
    const { headers } = await callBySocket(t, path, authority);
    assert.equal(headers['grpc-status'], '0', authority);
    const request = service.requests.at(-1);
    assert.equal(request?.field(':authority'), 'localhost');
    assert.equal(request?.field('x-forwarded-host'), 'localhost');
  }
});

interface Case {
  readonly what: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly says: RegExp;
}

const CASES: readonly Case[] = [
  { what: 'an empty authority', fields: [[':authority', '']], says: /names no host/ },
  {
    what: 'the path of a socket over TCP',
    fields: [[':authority', '/run/app.sock']],
    says: /"\/run\/app\.sock" is not a host with or without a port/,
  },
  {
    what: 'another host beside its authority',
    fields: [
      [':authority', 'service.test'],
      ['host', 'other.test'],
    ],
    says: /names two hosts: "service\.test", and in its host field "other\.test"/,
  },
  {
    what: 'a second host beside an equal one',
    fields: [
      [':authority', 'service.test'],
      ['host', 'service.test'],
      ['host', 'other.test'],
    ],
    says: /names two hosts/,
  },
];

async function blame(proxy: ProxyUnderTest, says: RegExp): Promise<void> {
  const record = await proxy.record(({ reason }) => says.test(reason));
  assert.equal(record['endedBy'], 'framegate');
  assert.match(record.reason, /^authority_invalid: The request/);
  assert.equal(record['endpoint'], '');
}

for (const { what, fields, says } of CASES) {
  test(`a request with ${what} is answered in its own language, and the log says whose fault it is`, async (t) => {
    const service = await startService(t);
    const proxy = await startProxy(t, { endpoints: [service.address] });
    const client = await proxy.rawClient('clear');
    const grpc = await client.outcome(
      client.call({ fields: [...fields, ['user-agent', 'grpc-java-netty/1.70.0']] }),
    );
    assert.equal(grpc.grpcStatus, '13');
    assert.match(grpc.grpcMessage, says);
    assert.match(grpc.grpcMessage, /overrideAuthority\(\.\.\.\).*\(FG3021\)/);
    const plain = await client.outcome(client.call({ fields: [...fields, ['content-type', 'text/plain']] }));
    assert.equal(new Map(plain.headers).get(':status'), '400');
    assert.match(plain.content.toString(), says);
    await blame(proxy, says);
    assert.equal(service.requests.length, 0);
  });
}

test('a password in an authority is shown neither to the client nor in the log or by the admin server', async (t) => {
  const service = await startService(t);
  const proxy = await startProxy(t, { endpoints: [service.address] });
  const client = await proxy.rawClient('clear');
  const cases = [
    [[':authority', 'user:SECRET@service.test']],
    [[':authority', 'user:SECRET@x:SECRET@service.test:1']],
    [
      [':authority', 'service.test'],
      ['host', 'user:SECRET@service.test'],
    ],
  ] as const;
  for (const fields of cases) {
    const { grpcMessage } = await client.outcome(client.call({ fields }));
    assert.match(grpcMessage, /"@service\.test/);
    assert.doesNotMatch(grpcMessage, /SECRET/);
  }
  const tunnel = [
    [':method', 'CONNECT'],
    [':authority', 'user:SECRET@service.test:1'],
  ] as const;
  client.sendHeaders(101, tunnel, true);
  await proxy.record(({ reason }) => reason.startsWith('connect_unsupported'));
  await proxy.record(({ authority }) => authority === '@service.test');
  assert.doesNotMatch(JSON.stringify(proxy.lines()), /SECRET/);
  assert.equal(service.requests.length, 0);
});

test('a request without :authority is routed by its host field, and without both it is told so', async (t) => {
  const service = await startService(t);
  const proxy = await startProxy(t, { endpoints: [service.address] });
  const client = await proxy.rawClient('clear');
  const nameless = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', '/a.B/C'],
    ['content-type', 'application/grpc'],
  ] as const;
  client.sendHeaders(1, nameless, true);
  assert.match((await client.outcome(1)).grpcMessage, /names no host/);
  client.sendHeaders(3, [...nameless, ['host', 'by-host.test']], true);
  assert.equal((await client.outcome(3)).grpcStatus, '0');
  assert.equal(service.requests[0].field(':authority'), 'by-host.test');
  assert.equal(service.requests[0].field('host'), undefined);
});

test('a host field that names the same host as :authority does no harm', async (t) => {
  const service = await startService(t);
  const proxy = await startProxy(t, { endpoints: [service.address] });
  const client = await proxy.rawClient('clear');
  for (const host of ['service.test', 'SERVICE.test', 'service.test:80']) {
    const { grpcStatus } = await client.outcome(client.call({ fields: [['host', host]] }));
    assert.equal(grpcStatus, '0', host);
  }
});

test('over HTTP/1.1 a request without a host, or with an empty one, is told so', async (t) => {
  const service = await startService(t);
  const proxy = await startProxy(t, { endpoints: [service.address] });
  for (const host of ['Host: \r\n', 'Host: a"b\r\n', 'Host: a%2Fb\r\n']) {
    const socket = connect(proxy.port('clear'), '127.0.0.1');
    socket.write(`GET / HTTP/1.1\r\n${host}\r\n`);
    const text = (await buffer(socket)).toString();
    assert.match(text, /^HTTP\/1\.1 400 /, host);
    assert.match(
      text,
      /its Host is (?:empty; name the host that is called|not a host with or without a port)\. \(FG1015\)/,
    );
  }
});
