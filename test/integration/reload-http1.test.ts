// Reloads under HTTP/1.1 requests, which the edge serves: what runs is finished, what comes next goes the new way, on the
// connection the client has.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { type TestContext, test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { configOf, type ProxyUnderTest, proxyConfigText, startProxyOf } from '../support/proxy-under-test.ts';

interface Service {
  readonly address: string;
  readonly waiting: ServerResponse[];
}

/** Answers with its name; /wait only when the test says so. */
async function startService(t: TestContext, name: string): Promise<Service> {
  const waiting: ServerResponse[] = [];
  const server = createServer((incoming, response) => {
    response.setHeader('service', name);
    if (incoming.url === '/wait') {
      response.flushHeaders();
      waiting.push(response);
    } else {
      response.end(name);
    }
  });
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return { address: `127.0.0.1:${address.port}`, waiting };
}

async function configFor({ address }: Service): Promise<Config> {
  const sections = {
    upstreams: { web: { protocol: 'http1', endpoints: [address] } },
    routes: [{ match: { path: '/*' }, upstream: 'web' }],
  };
  return configOf(await proxyConfigText({ sections }));
}

async function get(proxy: ProxyUnderTest, agent: Agent, path: string): Promise<IncomingMessage> {
  const sent = request({ host: '127.0.0.1', port: proxy.port('clear'), path, agent }).end();
  const [response]: IncomingMessage[] = await once(sent, 'response');
  return response;
}

async function textOf(response: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test('over HTTP/1.1 a response goes on, and the next request on its connection goes to the new upstream', async (t) => {
  const [old, next] = [await startService(t, 'old'), await startService(t, 'new')];
  const proxy = await startProxyOf(t, await configFor(old));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const running = await get(proxy, agent, '/wait');
  const clientPort = running.socket.localPort;
  await proxy.proxy.apply(await configFor(next));
  old.waiting[0].end('whole');
  assert.deepEqual([running.headers['service'], await textOf(running)], ['old', 'whole']);
  const later = await get(proxy, agent, '/');
  assert.equal(later.socket.localPort, clientPort);
  assert.equal(await textOf(later), 'new');
});

test('over HTTP/2 to a service of HTTP/1.1 likewise', async (t) => {
  const [old, next] = [await startService(t, 'old'), await startService(t, 'new')];
  const proxy = await startProxyOf(t, await configFor(old));
  const session = connectHttp2(`http://127.0.0.1:${proxy.port('clear')}`);
  t.after(() => session.destroy());
  const running = session.request({ ':path': '/wait' });
  await once(running, 'response');
  await proxy.proxy.apply(await configFor(next));
  assert.equal(await textOf(session.request({ ':path': '/' })), 'new');
  old.waiting[0].end('whole');
  assert.equal(await textOf(running), 'whole');
});
