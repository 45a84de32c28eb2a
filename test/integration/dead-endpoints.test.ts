// Endpoints that are down, of services of HTTP/1.1, where the call itself makes the connection: a call gets past some, and does not try
// thousands.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import { freePorts } from '../support/free-port.ts';
import { type ProxyUnderTest, startProxy } from '../support/proxy-under-test.ts';

/** As many as the tests try. */
const TRIED = 20;

/** Nothing listens at the first of them, and the others, if there are more, are not tried. */
async function deadEndpoints(count: number): Promise<readonly string[]> {
  const first = await freePorts(TRIED);
  return Array.from({ length: count }, (_, index) =>
    index < TRIED ? `127.0.0.1:${first + index}` : `192.0.2.1:${index}`,
  );
}

async function startService(t: TestContext): Promise<string> {
  const server = createServer((_request, response) => response.end('hello'));
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return `127.0.0.1:${address.port}`;
}

function startWebProxy(t: TestContext, endpoints: readonly string[]): Promise<ProxyUnderTest> {
  return startProxy(t, {
    sections: {
      upstreams: { voice: { protocol: 'http1', endpoints } },
      log: { access: true },
    },
  });
}

async function get(proxy: ProxyUnderTest): Promise<readonly [status: number, text: string]> {
  const response = await fetch(`http://127.0.0.1:${proxy.port('clear')}/`);
  return [response.status, await response.text()];
}

test('a call to an upstream of thousands of dead endpoints ends soon, with what is wrong', async (t) => {
  const endpoints = await deadEndpoints(4096);
  const proxy = await startWebProxy(t, endpoints);
  const [status, text] = await get(proxy);
  assert.equal(status, 503);
  assert.ok(text.startsWith(`${endpoints[4]} refused the connection`));
  const { attempts, reason } = await proxy.record();
  assert.equal(attempts, 5);
  assert.ok(reason.includes(`${endpoints[4]} refused`));
});

test('a call finds the one live endpoint among a few dead ones', async (t) => {
  const proxy = await startWebProxy(t, [...(await deadEndpoints(4)), await startService(t)]);
  assert.deepEqual(await get(proxy), [200, 'hello']);
  assert.equal((await proxy.record())['attempts'], 5);
});

test('what one call has found to be dead, the next one passes over', async (t) => {
  const proxy = await startWebProxy(t, [...(await deadEndpoints(12)), await startService(t)]);
  assert.equal((await get(proxy))[0], 503);
  assert.equal((await get(proxy))[0], 503);
  assert.deepEqual(await get(proxy), [200, 'hello']);
});
