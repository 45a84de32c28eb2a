// The upstreams of a configuration, before and after a reload has changed their settings.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import type { EndpointState } from '../../src/config/upstream-config.ts';
import { Quotas } from '../../src/limits/quotas.ts';
import { DiagnosisRing } from '../../src/observability/diagnosis-ring.ts';
import { EventMetrics } from '../../src/observability/event-metrics.ts';
import { buildSnapshot, destroyUpstreams, type ProxySnapshot } from '../../src/plane/build-snapshot.ts';
import { ProcessLog } from '../../src/plane/process-log.ts';
import { NO_IDENTITIES } from '../support/no-identities.ts';
import { configOf, proxyConfigText } from '../support/proxy-under-test.ts';
import { silentLogger } from '../support/silent-logger.ts';

async function build(t: TestContext, upstream: object, previous?: ProxySnapshot): Promise<ProxySnapshot> {
  const config = configOf(await proxyConfigText({ sections: { upstreams: { voice: upstream } } }));
  const counted = new EventMetrics({ refusals: [], failures: [], faultLayers: [] });
  const log = new ProcessLog(silentLogger, new DiagnosisRing(), counted);
  const snapshot = buildSnapshot(
    config,
    { log, identities: NO_IDENTITIES, quotas: new Quotas(() => 0) },
    1,
    previous,
  );
  t.after(() => destroyUpstreams(snapshot, 'the test is over'));
  return snapshot;
}

function warmthOf({ upstreams }: ProxySnapshot, endpoints: readonly EndpointState[]): readonly number[] {
  const upstream = upstreams.get('voice');
  upstream?.use(endpoints);
  return (upstream?.endpoints ?? []).map(({ warmth }) => warmth);
}

test('endpoints that are known already do not start slowly when a reload has changed their upstream', async (t) => {
  const [a, b] = ['/a', '/b'].map((path) => endpointAt({ kind: 'unix', path, text: path }));
  for (const endpoints of ['api', ['127.0.0.1:1']]) {
    const first = await build(t, { endpoints, slowStart: '10s' });
    assert.deepEqual(warmthOf(first, [a]), [1], 'those of the start are not new');
    assert.deepEqual(warmthOf(first, [a, b]), [1, 0.1]);
    const second = await build(t, { endpoints, slowStart: '20s' }, first);
    assert.notEqual(second.upstreams.get('voice'), first.upstreams.get('voice'));
    assert.deepEqual(warmthOf(second, [a, b]), [1, 1]);
  }
});
