// Holds the answers of a running proxy against the OpenAPI document: with calls in flight, refused clients, endpoints that are down,
// unhealthy and ejected, endpoints from DNS and the API, faults of those who ask, and with workers.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { test } from 'node:test';
import { wantDescribed } from '../support/api-document.ts';
import { eventually } from '../support/eventually.ts';
import { startDemo, startProxy } from '../support/proxy-under-test.ts';
import { startReloadingProxy } from '../support/reloading-proxy.ts';

const PAGES = [
  '/live',
  '/ready',
  '/metrics',
  '/api/openapi.json',
  '/api/diagnoses',
  '/api/config',
  '/api/upstreams',
  '/api/exchanges',
];

interface Asked {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** @returns the text of the answer, which is as the document says */
async function askDescribed(admin: string, path: string, asked: Asked = {}): Promise<string> {
  const method = asked.method ?? 'GET';
  const response = await fetch(`http://${admin}${path}`, { ...asked, method });
  const answer = { method, path, status: response.status, text: await response.text() };
  wantDescribed({ ...answer, contentType: response.headers.get('content-type') ?? '' });
  return answer.text;
}

/** Sends what a listener with TLS refuses. */
async function sendPlainText(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.end('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await readText(socket);
}

test('the document describes what a proxy with calls, faults and refused clients answers', async (t) => {
  const demo = await startDemo(t);
  const health = { type: 'tcp', interval: '100ms', unhealthyAfter: 1 };
  const upstreams = {
    voice: {
      endpoints: [demo.address, { address: '127.0.0.1:1', zone: 'a' }],
      limits: { streams: 100 },
      health,
    },
    down: { endpoints: [{ address: '127.0.0.1:1', priority: 0 }], outliers: { consecutive: 1 } },
    named: { dns: { name: 'localhost', port: 1 } },
    nowhere: { dns: { name: 'nowhere.invalid', port: 1 } },
    set: { endpoints: 'api' },
    unset: { endpoints: 'api' },
  };
  const routes = Object.keys(upstreams).map((upstream) => ({
    match: { path: upstream === 'voice' ? '/*' : `/${upstream}/*` },
    upstream,
  }));
  const stores = { fleet: { redis: 'redis://127.0.0.1:1' } };
  const sections = { upstreams, routes, stores, admin: { address: '127.0.0.1:0' } };
  const proxy = await startProxy(t, { sections });
  const admin = String((await proxy.line(({ msg }) => msg === 'admin server listens'))['address']);
  const client = proxy.voiceClient('clear');
  const call = client.streamAudio();
  t.after(() => call.cancel());
  await sendPlainText(proxy.port('tls'));
  for (const path of ['/down/x', '/nowhere/x'])
    await (await fetch(`http://127.0.0.1:${proxy.port('clear')}${path}`)).text();
  const put = { method: 'PUT', body: '{"endpoints":[{"address":"10.0.0.1:1","zone":"b"}],"ttl":"60s"}' };
  await askDescribed(admin, '/api/upstreams/set/endpoints', put);
  await eventually('the call, the refusal and the unhealthy endpoint are shown', async () => {
    const texts = await Promise.all(PAGES.map((path) => askDescribed(admin, path)));
    const all = texts.join('\n');
    return [
      '/voice.VoiceAssistant/StreamAudio',
      'FG1002',
      '"by":"health"',
      '"by":"connecting"',
      '"dns":',
      'FG2061',
      '"isUp":false',
    ].every((part) => all.includes(part));
  });
  await askDescribed(admin, '/api/exchanges?limit=1&sort=bytes');
  for (const upstream of Object.keys(upstreams))
    await askDescribed(admin, `/api/upstreams/${upstream}/endpoints`);
  const events = await fetch(`http://${admin}/api/events?kinds=start`);
  const contentType = events.headers.get('content-type') ?? '';
  wantDescribed({ method: 'GET', path: '/api/events', status: events.status, contentType, text: '' });
  await events.body?.cancel();
  // Faults of those who ask.
  await askDescribed(admin, '/api/events?kinds=x');
  await askDescribed(admin, '/api/exchanges?limit=x');
  await askDescribed(admin, '/api/upstreams/none/endpoints');
  await askDescribed(admin, '/api/upstreams/voice/endpoints', put);
  for (const body of ['', '{}', '{"endpoints":["x"],"more":1}', 'x'.repeat(1_100_000)])
    await askDescribed(admin, '/api/upstreams/set/endpoints', { method: 'PUT', body });
  await askDescribed(admin, '/api/upstreams/set/endpoints', { method: 'DELETE' });
  await askDescribed(admin, '/api/drain', { method: 'POST', headers: { origin: 'http://web.example' } });
});

test('the document describes what workers, reloads and the end of a proxy answer', async (t) => {
  const proxy = await startReloadingProxy(t, {
    workers: 2,
    upstreams: { voice: { endpoints: ['127.0.0.1:1'] } },
  });
  const admin = `127.0.0.1:${await proxy.process.port('admin')}`;
  const post = { method: 'POST' };
  assert.match(await askDescribed(admin, '/api/reload', post), /"reloaded"/);
  proxy.writeText('listeners: no\n');
  assert.match(await askDescribed(admin, '/api/reload', post), /"refused"/);
  const texts = await Promise.all(PAGES.map((path) => askDescribed(admin, path)));
  assert.match(texts.join('\n'), /"workers":\[.*"lastError"/s);
  assert.match(await askDescribed(admin, '/api/drain', post), /"draining"/);
});

test('the document describes what a client without the token is told', async (t) => {
  process.env['FRAMEGATE_TEST_TOKEN'] = 'a-token-that-is-long-enough';
  const token = { environment: 'FRAMEGATE_TEST_TOKEN' };
  const proxy = await startProxy(t, { sections: { admin: { address: '0.0.0.0:0', token } } });
  const { address } = await proxy.line(({ msg }) => msg === 'admin server listens');
  const admin = String(address).replace('0.0.0.0', '127.0.0.1');
  for (const path of [...PAGES, '/api/events']) await askDescribed(admin, path);
  await askDescribed(admin, '/api/reload', { method: 'POST' });
});
