import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figureOf, type Measurement, median, ratioTo } from '../../bench/compare/measurement.ts';

function measured(rowName: string, peerName: string, ...samples: number[]): Measurement {
  return { rowName, peerName, samples, problems: [] };
}

test('the median of an even number of samples lies between the middle two, whatever their order', () => {
  assert.equal(median([9, 1, 3, 5]), 4);
  assert.equal(median([10, 9, 100]), 10);
});

test('the median of nothing is no number, so that it never looks like a good figure', () => {
  assert.ok(Number.isNaN(median([])));
});

test('a ratio is the figure of Framegate by that of the peer', () => {
  const measurements = [measured('small', 'framegate', 5, 4, 6), measured('small', 'nginx', 25)];
  assert.equal(ratioTo('nginx', measurements, 'small'), 0.2);
});

test('a ratio to what was not measured is no number', () => {
  const measurements = [measured('small', 'framegate', 5), measured('small', 'nginx')];
  assert.ok(Number.isNaN(ratioTo('nginx', measurements, 'small')));
  assert.ok(Number.isNaN(ratioTo('envoy', measurements, 'small')));
  assert.ok(Number.isNaN(figureOf(measurements, 'large', 'framegate')));
});
