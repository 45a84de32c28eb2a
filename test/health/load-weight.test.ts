import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OrcaConfig } from '../../src/config/upstream-config.ts';
import { LoadWeight } from '../../src/health/load-weight.ts';

const CONFIG: OrcaConfig = {
  reportingMs: 10_000,
  blackoutMs: 10_000,
  weightExpirationMs: 180_000,
  updateMs: 1000,
  errorUtilizationPenalty: 1,
};
const LOAD = { rps: 100, eps: 0, utilization: 0.5 };

function weightOf(load: Partial<typeof LOAD>, config: Partial<OrcaConfig> = {}): number | string {
  const weight = new LoadWeight({ ...CONFIG, blackoutMs: 0, ...config });
  const result = weight.report({ ...LOAD, ...load }, 0);
  return weight.state(0).weight ?? result;
}

test('the weight is what a server could carry: requests by utilization, and by errors', () => {
  assert.equal(weightOf({}), 200);
  assert.equal(weightOf({ eps: 50 }), 100);
  assert.equal(weightOf({ eps: 50 }, { errorUtilizationPenalty: 3 }), 50);
  assert.equal(weightOf({ eps: 50 }, { errorUtilizationPenalty: 0 }), 200);
});

test('of an idle server no weight can be made, and of one that cannot be true neither', () => {
  assert.equal(weightOf({ rps: 0 }), 'idle');
  assert.equal(weightOf({ utilization: 0 }), 'idle');
  assert.equal(weightOf({ utilization: Number.MIN_VALUE }), 'refused');
  assert.equal(weightOf({ rps: Number.MIN_VALUE }), 'refused');
  assert.equal(weightOf({ rps: Number.MIN_VALUE, eps: 1 }), 'refused');
  assert.equal(weightOf({ rps: 1e12, utilization: 0.5 }), 'refused');
  assert.equal(weightOf({ utilization: 1e12, rps: 1 }), 'refused');
});

test('a weight counts after the blackout, as long as reports come', () => {
  const weight = new LoadWeight(CONFIG);
  assert.deepEqual(weight.state(0), { weight: undefined, ageMs: undefined, blackoutMs: 0 });
  weight.report(LOAD, 1000);
  assert.deepEqual(weight.state(2000), { weight: undefined, ageMs: 1000, blackoutMs: 9000 });
  assert.equal(weight.state(10_999).weight, undefined);
  assert.equal(weight.state(11_000).weight, 200);
  // 'idle' is no report of a weight: that of before goes on, and expires.
  weight.report({ ...LOAD, rps: 0 }, 100_000);
  assert.deepEqual(weight.state(180_999), { weight: 200, ageMs: 179_999, blackoutMs: 0 });
  assert.equal(weight.state(181_000).weight, undefined);
  weight.report(LOAD, 200_000);
  assert.equal(weight.state(209_999).weight, undefined);
  assert.equal(weight.state(210_000).weight, 200);
});

test('reports that ceased for too long begin anew although nobody looked meanwhile', () => {
  const weight = new LoadWeight(CONFIG);
  weight.report(LOAD, 0);
  weight.report(LOAD, 500_000);
  assert.equal(weight.state(500_001).weight, undefined);
});

test('on a new connection the blackout begins anew, with other settings it does not', () => {
  const weight = new LoadWeight(CONFIG);
  weight.report(LOAD, 0);
  const longer = new LoadWeight({ ...CONFIG, blackoutMs: 3_600_000 });
  longer.takeOver(weight, 20_000);
  assert.equal(longer.state(20_000).weight, 200);
  const early = new LoadWeight(CONFIG);
  early.takeOver(weight, 5000);
  assert.deepEqual([early.state(9999).weight, early.state(10_000).weight], [undefined, 200]);
  weight.connected();
  assert.equal(weight.state(20_000).weight, undefined);
  weight.report(LOAD, 21_000);
  assert.equal(weight.state(30_999).weight, undefined);
  assert.equal(weight.state(31_000).weight, 200);
});
