// `authority: endpoint`: each attempt has the authority of the endpoint that it goes to.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { names } from '../../src/names/name-lookup.ts';
import { listen } from '../edges/edge-under-test.ts';
import { startDnsServer } from '../support/dns-server.ts';
import { eventually } from '../support/eventually.ts';
import { type ProxyUnderTest, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import type { RawRequest, RawServer } from '../support/raw-server.ts';

const ROUTE = { name: 'all', match: { path: '/*' }, upstream: 'voice', authority: 'endpoint' };

function start(
  t: TestContext,
  upstream: Readonly<Record<string, unknown>>,
  route: Readonly<Record<string, unknown>> = {},
): Promise<ProxyUnderTest> {
  return startProxy(t, { sections: { routes: [{ ...ROUTE, ...route }], upstreams: { voice: upstream } } });
}

async function startServices(
  t: TestContext,
  onRequestEnd: (request: RawRequest) => void,
): Promise<readonly [RawServer, RawServer]> {
  return [await startRawUpstream(t, { onRequestEnd }), await startRawUpstream(t, { onRequestEnd })];
}

function authoritiesAt({ requests }: RawServer): readonly (string | undefined)[] {
  return requests.map((request) => request.field(':authority'));
}

test('each of several HTTP/2 endpoints gets its own, however often the calls of a client repeat', async (t) => {
  const services = await startServices(t, (request) => request.succeed());
  const proxy = await start(t, { endpoints: services.map(({ address }) => address) });
  const client = await proxy.rawClient('clear');
  await eventually('both have had several calls', async () => {
    // The second call is equal to the first; the third differs in one field.
    for (const value of ['a', 'a', 'b'])
      assert.equal((await client.outcome(client.call({ fields: [['x-a', value]] }))).grpcStatus, '0');
    return services.every(({ requests }) => requests.length > 5);
  });
  for (const service of services) {
    assert.deepEqual([...new Set(authoritiesAt(service))], [service.address]);
    for (const request of service.requests) {
      assert.equal(request.field('x-forwarded-host'), 'service.test');
      assert.equal(request.fields.filter(([name]) => name === ':authority').length, 1);
    }
  }
  assert.equal((await proxy.record())['authority'], 'service.test');
});

test('a further attempt has the authority of its own endpoint, also beside the first', async (t) => {
  for (const [key, value] of [
    ['retry', { on: ['UNAVAILABLE'], backoff: '1ms' }],
    ['hedge', { on: ['UNAVAILABLE'], delay: '0s' }],
  ] as const) {
    const services = await startServices(t, (request) =>
      request.sendTrailers([
        [':status', '200'],
        ['content-type', 'application/grpc'],
        ['grpc-status', '14'],
      ]),
    );
    const proxy = await start(t, { endpoints: services.map(({ address }) => address) }, { [key]: value });
    const client = await proxy.rawClient('clear');
    // Once both are connected, a call has an attempt at each of them.
    await eventually('both have had an attempt', async () => {
      await client.outcome(client.call({ body: grpcMessage(Buffer.from('x')) }));
      return services.every(({ requests }) => requests.length > 0);
    });
    for (const service of services)
      assert.deepEqual([...new Set(authoritiesAt(service))], [service.address], key);
  }
});

/** @returns the address. @param hosts gets the host of each request */
async function startWeb(t: TestContext, hosts: string[]): Promise<string> {
  const server = createServer((request, response) => {
    hosts.push(String(request.headers.host));
    response.end('here');
  });
  return `127.0.0.1:${await listen(t, server)}`;
}

test('HTTP/1.1 services get it as their host, from clients of both versions', async (t) => {
  const seen: [string[], string[]] = [[], []];
  const endpoints = await Promise.all(seen.map((hosts) => startWeb(t, hosts)));
  const proxy = await start(t, { protocol: 'http1', endpoints });
  const client = await proxy.rawClient('clear');
  await eventually('both have had several requests', async () => {
    const response = await fetch(`http://127.0.0.1:${proxy.port('clear')}/page`);
    assert.equal(await response.text(), 'here');
    const get = [
      [':method', 'GET'],
      ['content-type', 'text/plain'],
    ] as const;
    await client.outcome(client.call({ path: '/page', fields: get }));
    return seen.every((list) => list.length > 3);
  });
  for (const [index, list] of seen.entries()) assert.deepEqual([...new Set(list)], [endpoints[index]]);
});

test('an endpoint from DNS has the name by which it was found', async (t) => {
  const dns = await startDnsServer(t);
  names.useServers([dns.address]);
  t.after(() => names.useServers(undefined));
  dns.set('voice.test', { a: ['127.0.0.1'], ttl: 60 });
  const [service] = await startServices(t, (request) => request.succeed());
  const proxy = await start(t, { dns: { name: 'Voice.test.', port: service.port } });
  const client = await proxy.rawClient('clear');
  assert.equal((await client.outcome(client.call())).grpcStatus, '0');
  assert.deepEqual(authoritiesAt(service), [`voice.test:${service.port}`]);
});

test('a service at a Unix socket is called localhost', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-authority-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'web.sock');
  const hosts: string[] = [];
  const server = createServer((request, response) => {
    hosts.push(String(request.headers.host));
    response.end('here');
  });
  await new Promise<void>((resolve) => void server.listen(path, resolve));
  t.after(() => server.close());
  const proxy = await start(t, { protocol: 'http1', endpoints: [`unix:${path}`] });
  assert.equal(await (await fetch(`http://127.0.0.1:${proxy.port('clear')}/`)).text(), 'here');
  assert.deepEqual(hosts, ['localhost']);
});
