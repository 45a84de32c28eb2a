// The sections of the dashboard that change now and then: what a reload changes in them, and what stays.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DashboardFactSheet, type FactSources } from '../../src/control/dashboard-facts.ts';
import { EndpointHistory } from '../../src/control/endpoint-history.ts';
import { TOTALS_LAYOUT } from '../../src/observability/figure-layouts.ts';
import { EMPTY_TABLE } from '../../src/observability/figure-table.ts';
import type { DashboardReport } from '../../src/plane/plane.ts';
import { configOf, proxyConfigText } from '../support/proxy-under-test.ts';

const REPORT: DashboardReport = {
  totals: { keys: [''], values: new Float64Array(TOTALS_LAYOUT.width) },
  routes: EMPTY_TABLE,
  endpoints: EMPTY_TABLE,
  upstreams: EMPTY_TABLE,
  said: [],
  epochs: [],
  processes: [],
  workerRestarts: 0,
};

function sources(changes: Partial<FactSources> = {}): FactSources {
  return {
    warnings: () => [],
    reloads: () => ({ reloaded: 0, refused: 0, failed: 0, last: undefined, lastError: undefined }),
    tlsUsers: () => [],
    diagnoses: { countOfControl: 0, report: () => Promise.resolve({ counts: {}, recent: [], reasons: {} }) },
    healthOf: () => new Map(),
    history: new EndpointHistory(),
    onFault: (error) => assert.fail(String(error)),
    ...changes,
  };
}

async function configuration(sheet: DashboardFactSheet): Promise<Readonly<Record<string, unknown>>> {
  const { configuration: text = '' } = await sheet.look(REPORT);
  const facts: unknown = JSON.parse(text);
  assert.ok(typeof facts === 'object' && facts !== null);
  return { ...facts };
}

test('the differences are those from the epoch before, also when the same epoch is put to use again', async () => {
  const config = configOf(await proxyConfigText({ sections: { admin: { address: '127.0.0.1:0' } } }));
  const changed = (timeoutMs: number) => ({ ...config, drain: { ...config.drain, timeoutMs } });
  const sheet = new DashboardFactSheet(sources(), { epoch: 1, config, loadedAtEpochMs: 0 });
  assert.equal((await configuration(sheet))['changes'], undefined);
  // A proxy puts its first configuration to use as well.
  sheet.use({ epoch: 1, config, loadedAtEpochMs: 0 });
  assert.equal((await configuration(sheet))['changes'], undefined);
  sheet.use({ epoch: 2, config: changed(11), loadedAtEpochMs: 0 });
  sheet.use({ epoch: 2, config: changed(11), loadedAtEpochMs: 0 });
  const second = await configuration(sheet);
  assert.equal(config.drain.timeoutMs, 0);
  assert.deepEqual(second['changes'], {
    since: 1,
    entries: [{ path: 'drain.timeout', before: '0s', after: '11ms' }],
  });
  sheet.use({ epoch: 3, config: changed(12), loadedAtEpochMs: 0 });
  const third = await configuration(sheet);
  assert.deepEqual(third['changes'], {
    since: 2,
    entries: [{ path: 'drain.timeout', before: '11ms', after: '12ms' }],
  });
  assert.notEqual(second['hash'], third['hash']);
});

test('certificates are looked at every ten seconds, at once after a reload, and when the clock is set back', async () => {
  const config = configOf(await proxyConfigText({}));
  let [nowMs, looks] = [1_000_000, 0];
  const tlsUsers = (): [] => {
    looks++;
    return [];
  };
  const current = { epoch: 1, config, loadedAtEpochMs: 0 };
  const sheet = new DashboardFactSheet(sources({ tlsUsers }), current, () => nowMs);
  const looksAt = async (atMs: number): Promise<number> => {
    nowMs = atMs;
    looks = 0;
    await sheet.look(REPORT);
    return looks;
  };
  assert.deepEqual(
    [await looksAt(1_000_000), await looksAt(1_009_999), await looksAt(1_010_000), await looksAt(500_000)],
    [1, 0, 1, 1],
  );
  sheet.use({ ...current, epoch: 2 });
  assert.equal(await looksAt(500_001), 1);
});

test('certificates that cannot be read are looked at again with the next look', async () => {
  const config = configOf(await proxyConfigText({}));
  const faults: unknown[] = [];
  let looks = 0;
  const tlsUsers = (): [] => {
    looks++;
    if (looks === 1) throw new Error('no certificate');
    return [];
  };
  const parts = sources({ tlsUsers, onFault: (error) => faults.push(error) });
  const sheet = new DashboardFactSheet(parts, { epoch: 1, config, loadedAtEpochMs: 0 }, () => 0);
  assert.equal((await sheet.look(REPORT))['certificates'], undefined);
  assert.equal((await sheet.look(REPORT))['certificates'], '[]');
  assert.equal(faults.length, 1);
});
