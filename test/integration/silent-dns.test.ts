// Names for which no DNS server ever answers, more of them than there are threads in the pool: calls to all other upstreams go
// on, and what is told of the silent ones names DNS, over HTTP/2 and HTTP/1.1, with TLS and without.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { names } from '../../src/names/name-lookup.ts';
import { startDnsServer } from '../support/dns-server.ts';
import { eventually } from '../support/eventually.ts';
import { startDemo, startProxy } from '../support/proxy-under-test.ts';

const SILENT = 8;
const EMPTY_MESSAGE = Buffer.alloc(5);
const connections = { connectTimeout: '4s' };

async function webService(t: { after(done: () => void): void }): Promise<number> {
  const server = createServer((_request, response) => response.end('web'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test('names that DNS never answers for keep no other upstream waiting, and the sentence names DNS', async (t) => {
  const dns = await startDnsServer(t);
  names.useServers([dns.address]);
  t.after(() => names.useServers(undefined));
  const service = await startDemo(t);
  const grpcPort = service.address.slice(service.address.lastIndexOf(':') + 1);
  const webPort = await webService(t);
  const kinds = [
    { protocol: 'h2c' },
    { protocol: 'h2', tls: {} },
    { protocol: 'http1' },
    { protocol: 'http1', tls: {} },
  ];
  const silent = Array.from({ length: SILENT }, (_, index) => ({
    endpoints: [`silent${index}.test:50051`],
    connections,
    ...kinds[index % kinds.length],
  }));
  const upstreams = {
    local: { endpoints: [`localhost:${grpcPort}`] },
    named: { endpoints: [`good.test:${grpcPort}`] },
    web: { protocol: 'http1', endpoints: [`good.test:${webPort}`] },
    ...Object.fromEntries(silent.map((upstream, index) => [`silent${index}`, upstream])),
  };
  const routes = Object.keys(upstreams).map((upstream) => ({
    match: { path: '/*', headers: { to: upstream } },
    upstream,
  }));
  const proxy = await startProxy(t, { sections: { upstreams, routes } });
  const client = await proxy.rawClient('clear');
  const call = (to: string) => client.outcome(client.call({ body: EMPTY_MESSAGE, fields: [['to', to]] }));
  const silentCalls = silent.map((_, index) => call(`silent${index}`));
  const served = [call('local'), call('named'), call('web')];
  // All of them are done before the first of the silent ones is given up.
  const first = await Promise.race([Promise.all(served), ...silentCalls]);
  assert.ok(Array.isArray(first), 'a silent name was given up first');
  assert.deepEqual(
    first.slice(0, 2).map(({ grpcStatus }) => grpcStatus),
    ['0', '0'],
  );
  for (const [index, { grpcStatus, grpcMessage }] of (await Promise.all(silentCalls)).entries()) {
    assert.equal(grpcStatus, String(status.UNAVAILABLE));
    assert.match(
      grpcMessage,
      new RegExp(`^DNS did not answer in 4 s for the name in silent${index}\\.test:50051; are the servers`),
    );
  }
  // The outage of each upstream as a whole is told of beside, by the same token.
  const warned = () => proxy.lines().filter(({ msg }) => String(msg).startsWith('DNS did not answer')).length;
  await eventually('each name has its warning', () => warned() === SILENT);
});
