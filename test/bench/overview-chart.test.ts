// The charts of the README show the figures of docs/benchmarks/results.json.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { overviewCharts } from '../../bench/compare/overview-chart.ts';

const folder = join(import.meta.dirname, '../../docs/benchmarks');

test('the light and the dark chart are those that the recorded results make', () => {
  const charts = overviewCharts(folder);
  assert.deepEqual(
    charts.map(({ file }) => file),
    ['overview-light.svg', 'overview-dark.svg'],
  );
  for (const { file, svg } of charts) assert.equal(readFileSync(join(folder, file), 'utf8'), svg);
});

test('the two charts differ in their colours alone', () => {
  const [light, dark] = overviewCharts(folder).map(({ svg }) => svg.replaceAll(/#[0-9a-f]{6}/g, ''));
  assert.equal(light, dark);
});
