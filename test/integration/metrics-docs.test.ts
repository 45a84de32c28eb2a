// docs/metrics.md tells of every metric there is, with its type and its labels, and of no other.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Authorizer } from '../support/authorizer.ts';
import { documentedMetrics, metricsPage } from '../support/documented-metrics.ts';
import { familiesOf } from '../support/metrics-reader.ts';
import { startDemo, startProxy } from '../support/proxy-under-test.ts';

/** What only some machines and configurations have. */
const NOT_EVERYWHERE = new Set([
  'framegate_memory_limit_bytes',
  'framegate_worker_deaths_total',
  'process_open_fds',
  'process_max_fds',
]);
test('every metric is documented with its type and labels, and every metric documented is there', async (t) => {
  const demo = await startDemo(t);
  const authorizer = await Authorizer.start(t);
  const folder = mkdtempSync(join(tmpdir(), 'framegate-metrics-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'keys.txt');
  writeFileSync(file, `partner:${'0'.repeat(64)}\n`);
  // One endpoint is down, so that there are failures to show.
  const proxy = await startProxy(t, {
    sections: {
      upstreams: {
        voice: {
          endpoints: [demo.address, '127.0.0.1:1'],
          health: { interval: '100ms', unhealthyAfter: 1 },
          weights: 'orca',
        },
        authorizer: { endpoints: [authorizer.address] },
        limiter: { endpoints: ['127.0.0.1:1'] },
        named: { dns: { name: 'localhost', port: 1 } },
      },
      routes: [
        {
          name: 'all',
          match: { path: '/*' },
          upstream: 'voice',
          fault: { percent: '0%', delay: '1ms' },
          limits: [
            { count: 'calls', rate: '100/s', store: 'fleet' },
            { count: 'messages', rate: '1000/s', by: ['stream'] },
            { service: 'limiter', domain: 'voice', descriptors: [{ any: 'text:call' }] },
            { messageSize: '1GiB', dryRun: true },
          ],
          authorize: { upstream: 'authorizer' },
        },
      ],
      // Nobody listens there, so that there is a reason to show.
      stores: { fleet: { redis: 'redis://127.0.0.1:1' } },
      identities: { partners: { apiKey: { header: 'x-key', file } } },
      admin: { address: '127.0.0.1:0' },
      metrics: { methods: true },
    },
  });
  await proxy.line(({ msg }) => String(msg).startsWith('the endpoint gets no new calls'));
  await proxy.line(({ msg }) => String(msg).startsWith('the store of shared limits does not answer'));
  await proxy.voiceClient('tls').say({});
  const raw = await proxy.rawClient('clear');
  raw.sendReset(2, 0);
  await raw.wantGoAway();
  const { address } = await proxy.line(({ msg }) => msg === 'admin server listens');
  const families = familiesOf(await (await fetch(`http://${String(address)}/metrics`)).text());
  const rows = documentedMetrics();
  for (const { name, type, samples } of families) {
    const row = rows.get(name);
    assert.ok(row !== undefined, `${name} is not in docs/metrics.md`);
    assert.equal(row.type, type, name);
    assert.ok(samples.length > 0, `there is no sample of ${name} to compare labels with`);
    const labels = samples.flatMap((sample) => Object.keys(sample.labels)).filter((label) => label !== 'le');
    assert.deepEqual([...new Set(labels)].toSorted(), row.labels.toSorted(), `labels of ${name}`);
  }
  const there = new Set(families.map(({ name }) => name));
  const missing = [...rows.keys()].filter((name) => !there.has(name) && !NOT_EVERYWHERE.has(name));
  assert.deepEqual(missing, [], 'documented, but not there');
});

test('metrics that documents, alerts and scripts speak of are there', () => {
  const alerts = readFileSync(
    join(import.meta.dirname, '../../deploy/prometheus/framegate-alerts.yaml'),
    'utf8',
  );
  const rows = documentedMetrics();
  const spokenOf = new Set(
    [...(metricsPage + alerts).matchAll(/\b(?:framegate|process)_[a-z0-9_]+/g)].map(([name]) => name),
  );
  const unknown = [...spokenOf].filter((name) => !rows.has(name.replace(/_(bucket|sum|count)$/, '')));
  assert.deepEqual(unknown, []);
});
