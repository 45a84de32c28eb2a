// Endpoints that the admin API sets: they are used at once, hold for their time, survive reloads, and what is wrong is told.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { eventually } from '../support/eventually.ts';
import {
  configOf,
  type ProxyUnderTest,
  proxyConfigText,
  startDemo,
  startProxy,
} from '../support/proxy-under-test.ts';
import { startTalking, wantGoodEnd } from '../support/talking-streams.ts';

const sections = {
  upstreams: { voice: { endpoints: 'api' }, 'listed ones': { endpoints: ['127.0.0.1:1'] } },
  admin: { address: '127.0.0.1:0' },
};

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** The endpoints that an answer names, without what is known of their state. */
function endpointsOf({ body }: Answer): unknown {
  const { endpoints } = body;
  assert.ok(Array.isArray(endpoints) && endpoints.every(isRecord));
  return endpoints.map((endpoint) =>
    Object.fromEntries(
      Object.entries(endpoint).filter(([key]) => ['address', 'weight', 'priority', 'zone'].includes(key)),
    ),
  );
}

async function apiOf(proxy: ProxyUnderTest) {
  const opened = await proxy.line(({ msg }) => msg === 'admin server listens');
  return async (method: string, body?: unknown, upstream = 'voice'): Promise<Answer> => {
    const url = `http://${String(opened['address'])}/api/upstreams/${encodeURIComponent(upstream)}/endpoints`;
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const response = await fetch(url, { method, ...(body === undefined ? {} : { body: text }) });
    const answer: unknown = await response.json();
    assert.ok(isRecord(answer));
    return { status: response.status, body: answer };
  };
}

test('endpoints are set, replaced, kept over a reload and withdrawn, and streams at those that are gone finish', async (t) => {
  const [a, b] = [await startDemo(t), await startDemo(t)];
  const proxy = await startProxy(t, { sections });
  const api = await apiOf(proxy);
  const client = proxy.voiceClient('clear');
  const early = await client.say({ text: 'too early' });
  assert.deepEqual(
    [early.code, early.details],
    [status.UNAVAILABLE, 'Upstream voice has no endpoint: none has been set for it yet. (FG2052)'],
  );
  const put = await api('PUT', { endpoints: [a.address], ttl: '1h' });
  assert.equal(put.status, 200);
  assert.deepEqual(put.body['endpoints'], [{ address: a.address, weight: 1, priority: 0 }]);
  assert.equal(put.body['from'], 'api');
  assert.equal(typeof put.body['ageSeconds'], 'number');
  const expires = put.body['expiresInSeconds'];
  assert.ok(typeof expires === 'number' && expires > 3590 && expires <= 3600);
  const ok: number = status.OK;
  const say = async (): Promise<boolean> => (await client.say({ text: 'a call' })).code === ok;
  await eventually('a call goes through', say);
  const streams = await startTalking(t, { address: `127.0.0.1:${proxy.port('clear')}`, count: 2 });

  await api('PUT', { endpoints: [{ address: b.address, weight: 2, zone: 'z' }], ttl: 'off' });
  await eventually('calls come to the other', async () => (await say()) && b.counters.Say.started > 0);
  assert.equal((await proxy.proxy.apply(configOf(await proxyConfigText({ sections })))).epoch, 2);
  const calls = b.counters.Say.started;
  assert.ok(await say());
  assert.equal(b.counters.Say.started, calls + 1, 'a reload keeps what was set');
  const read = await api('GET');
  assert.deepEqual(endpointsOf(read), [{ address: b.address, weight: 2, priority: 0, zone: 'z' }]);
  assert.equal(read.body['expiresInSeconds'], 'off');

  const withdrawn = await api('DELETE');
  assert.deepEqual([withdrawn.status, withdrawn.body['endpoints']], [200, []]);
  await eventually('calls are refused', async () => {
    const { details } = await client.say({ text: 'too late' });
    return details.startsWith('Upstream voice has no endpoint: ');
  });
  await wantGoodEnd(streams);
});

test('what cannot be set is refused in JSON that names the field and the remedy, and changes nothing', async (t) => {
  const proxy = await startProxy(t, { sections });
  const api = await apiOf(proxy);
  await api('PUT', { endpoints: ['127.0.0.1:1'], ttl: 'off' });
  const wrong = await api('PUT', { endpoints: [{ address: '127.0.0.1:0' }], ttl: '1h' });
  assert.equal(wrong.status, 400);
  assert.deepEqual(wrong.body['problems'], [
    { field: 'endpoints[0].address', message: 'port 0 is out of range', remedy: '1 to 65535' },
  ]);
  assert.equal(wrong.body['error'], 'endpoints[0].address port 0 is out of range (1 to 65535)');
  assert.equal((await api('PUT', 'x'.repeat(1_100_000))).status, 413);
  for (const method of ['PUT', 'DELETE']) {
    const other = await api(
      method,
      method === 'PUT' ? { endpoints: [], ttl: 'off' } : undefined,
      'listed ones',
    );
    assert.equal(other.status, 409);
    assert.match(
      String(other.body['error']),
      /^the endpoints of upstream listed ones come from the configuration; write endpoints: api/,
    );
  }
  const unknown = await api('DELETE', undefined, 'voices');
  assert.deepEqual(
    [unknown.status, unknown.body['error']],
    [404, "there is no upstream 'voices'; there are: voice, listed ones"],
  );
  assert.deepEqual(endpointsOf(await api('GET')), [{ address: '127.0.0.1:1', weight: 1, priority: 0 }]);
  assert.equal((await api('GET', undefined, 'listed ones')).body['from'], 'configuration');
});
