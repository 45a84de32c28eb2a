// Reloads and certificates in the metrics of a running proxy, and that nothing counted is lost by a reload.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { eventually } from '../support/eventually.ts';
import { type MetricSample, readMetrics, sumOf } from '../support/metrics-reader.ts';
import { startDemo } from '../support/proxy-under-test.ts';
import { type ReloadingProxy, type Sections, startReloadingProxy } from '../support/reloading-proxy.ts';
import { connectVoiceClient } from '../support/voice-client.ts';

const REFUSED = 'framegate_config_reload_refused';
const RELOADS = 'framegate_config_reloads_total';

async function started(t: TestContext, sections: Sections = {}) {
  const demo = await startDemo(t);
  const upstreams = { voice: { endpoints: [demo.address] } };
  const proxy = await startReloadingProxy(t, { upstreams, ...sections });
  const client = connectVoiceClient({ address: `127.0.0.1:${await proxy.process.port('clear')}` });
  t.after(() => client.close());
  return { demo, upstreams, proxy, client };
}

async function read(proxy: ReloadingProxy): Promise<readonly MetricSample[]> {
  return readMetrics(`127.0.0.1:${await proxy.process.port('admin')}`);
}

test('good and broken reloads are counted apart', async (t) => {
  const { proxy } = await started(t);
  const before = await read(proxy);
  for (const result of ['reloaded', 'refused', 'failed']) assert.equal(sumOf(before, RELOADS, { result }), 0);
  assert.equal((await proxy.reload()).status, 200);
  proxy.writeText('listeners: [');
  assert.equal((await proxy.reload()).status, 422);
  assert.equal((await proxy.reload()).status, 422);
  const after = await read(proxy);
  assert.deepEqual([sumOf(before, REFUSED), sumOf(after, REFUSED)], [0, 1]);
  assert.equal(sumOf(after, RELOADS, { result: 'reloaded' }), 1);
  assert.equal(sumOf(after, RELOADS, { result: 'refused' }), 2);
  assert.equal(sumOf(after, RELOADS, { result: 'failed' }), 0);
  proxy.write({});
  assert.equal((await proxy.reload()).status, 200);
  assert.equal(sumOf(await read(proxy), REFUSED), 0, 'the last one was good');
});

test('what was counted stays after a reload, for routes and upstreams that are no more as well', async (t) => {
  const { demo, proxy, client } = await started(t);
  assert.equal((await client.say({})).code, status.OK);
  const before = await read(proxy);
  assert.equal(sumOf(before, 'framegate_exchanges_total', { route: 'all', upstream: 'voice' }), 1);
  proxy.write({
    routes: [{ name: 'new', match: { path: '/*' }, upstream: 'other' }],
    upstreams: { other: { endpoints: [demo.address] } },
  });
  assert.equal((await proxy.reload()).status, 200);
  assert.equal((await client.say({})).code, status.OK);
  const after = await read(proxy);
  assert.equal(sumOf(after, 'framegate_exchanges_total', { route: 'all', upstream: 'voice' }), 1);
  assert.equal(sumOf(after, 'framegate_exchanges_total', { route: 'new', upstream: 'other' }), 1);
  assert.equal(sumOf(after, 'framegate_endpoint_healthy', { upstream: 'voice' }), undefined);
  assert.equal(sumOf(after, 'framegate_endpoint_healthy', { upstream: 'other' }), 1);
});

test('connections of an upstream that a reload has replaced are shown until they are gone', async (t) => {
  const { demo, proxy, client } = await started(t);
  const stream = client.streamAudio();
  stream.send({ sequence: 1 });
  await stream.next();
  proxy.write({ upstreams: { voice: { endpoints: [demo.address], connections: { max: 3 } } } });
  assert.equal((await proxy.reload()).status, 200);
  const draining = { upstream: 'voice', endpoint: demo.address, state: 'draining' };
  assert.equal(sumOf(await read(proxy), 'framegate_upstream_connections', draining), 1);
  stream.finish();
  await stream.outcome;
  await eventually('the old connection is gone', async () => {
    return sumOf(await read(proxy), 'framegate_upstream_connections', draining) === 0;
  });
});

test('what is counted of an endpoint never goes back: not when it is removed, comes back, or its upstream is replaced', async (t) => {
  const { demo, proxy, client } = await started(t);
  const other = await startDemo(t);
  const [name, labels] = [
    'framegate_endpoint_attempts_total',
    { endpoint: demo.address, outcome: 'answered' },
  ];
  const answered = async () => sumOf(await read(proxy), name, labels);
  const reloadWith = async (voice: object): Promise<void> => {
    proxy.write({ upstreams: { voice } });
    assert.equal((await proxy.reload()).status, 200);
  };
  assert.equal((await client.say({})).code, status.OK);
  assert.equal(await answered(), 1);
  const stream = client.streamAudio();
  stream.send({ sequence: 1 });
  await stream.next();
  await reloadWith({ endpoints: [other.address] });
  assert.equal(await answered(), 1);
  stream.finish();
  await stream.outcome;
  await eventually('the end of its last call is counted', async () => (await answered()) === 2);
  const active = { upstream: 'voice', endpoint: demo.address };
  await eventually('nothing is active there any more', async () => {
    return sumOf(await read(proxy), 'framegate_endpoint_active_calls', active) === undefined;
  });
  await reloadWith({ endpoints: [demo.address] });
  assert.equal(await answered(), 2);
  await reloadWith({ endpoints: [demo.address], connections: { max: 3 } });
  assert.equal(await answered(), 2);
  assert.equal((await client.say({})).code, status.OK);
  assert.equal(await answered(), 3);
  await eventually('the worker that had the call has said so', () =>
    proxy.process
      .lines()
      .some(
        ({ msg, endpoint, calls }) =>
          String(msg).startsWith('the endpoint is taken out') && endpoint === demo.address && calls === 1,
      ),
  );
});

test('certificates are shown with the time they expire at, by their file', async (t) => {
  const { proxy } = await started(t);
  const file = join(proxy.folder, 'server.crt');
  const { validToDate } = new X509Certificate(readFileSync(file));
  const labels = { kind: 'listener', name: 'tls', file };
  const expiry = sumOf(await read(proxy), 'framegate_certificate_expiry_seconds', labels);
  assert.equal(expiry, validToDate.getTime() / 1000);
  assert.equal(sumOf(await read(proxy), 'framegate_build_info', { node: process.versions.node }), 1);
});
