// What the reports of one process cost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointAt } from '../../src/config/endpoint-update.ts';
import { endpointKey } from '../../src/observability/figure-layouts.ts';
import { PlaneReports } from '../../src/plane/plane-reports.ts';
import type { ReportSources } from '../../src/plane/report-sources.ts';
import type { CallTarget } from '../../src/relay/snapshot.ts';
import { http1Upstream } from '../../src/upstreams/http1/http1-upstream.ts';
import { LIMITS } from '../support/local-settings.ts';
import { standIn } from '../support/stand-in.ts';
import { NO_UPSTREAM_EVENTS } from '../support/upstream-events.ts';

test('calls in flight are judged only for who asks how many of them an endpoint holds up', async (t) => {
  const endpoints = ['a', 'b'].map((name) => endpointAt({ kind: 'unix', path: `/${name}`, text: name }));
  const upstream: CallTarget = http1Upstream(
    {
      name: 'web',
      protocol: 'http1',
      balance: 'round-robin',
      endpoints,
      connections: { connectTimeoutMs: 1000, max: 1, maxPending: 1 },
      limits: { retries: 0.2 },
    },
    LIMITS,
    NO_UPSTREAM_EVENTS,
  );
  t.after(() => upstream.destroy('the test is over'));
  const built = new Map([['web', { upstream, origin: '', tls: undefined, outliers: undefined }]]);
  let judged = 0;
  const reports = new PlaneReports(
    standIn<ReportSources>({
      snapshot: () => standIn<ReturnType<ReportSources['snapshot']>>({ built }),
      countHeldUp: async () => {
        judged++;
        return new Map([[endpointKey('web', 'a'), 3]]);
      },
    }),
  );
  const heldUp = async (isAsked: boolean): Promise<readonly (number | undefined)[]> =>
    (await reports.upstreams({ heldUp: isAsked })).upstreams[0].endpoints.map((one) => one.heldUp);
  assert.deepEqual(await heldUp(false), [undefined, undefined]);
  assert.equal(judged, 0);
  assert.deepEqual(await heldUp(true), [3, 0]);
});
