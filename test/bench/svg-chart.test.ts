import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chart, significant } from '../../bench/compare/svg-chart.ts';

const PANEL = {
  title: '64 B & more',
  unit: 'µs',
  bars: [
    { label: 'framegate', value: 5 },
    { label: 'nginx', value: 25 },
  ],
};

test('the longest bar is that of the largest figure, and the others are in proportion', () => {
  const svg = chart('CPU', 'today', [PANEL], 'framegate');
  const widths = Array.from(svg.matchAll(/<rect x="\d+" y="\d+" width="(\d+)"/g), ([, width]) =>
    Number(width),
  );
  assert.equal(widths.length, 2);
  assert.ok(Math.abs(widths[1] / widths[0] - 5) < 0.1, widths.join(' '));
});

test('each bar of another proxy says how many times the highlighted figure it is', () => {
  const svg = chart('CPU', 'today', [PANEL], 'framegate');
  assert.match(svg, />25\.0 \(5\.00 x\)</);
  assert.match(svg, />5\.00</);
});

test('texts are escaped', () => {
  assert.match(chart('a < b', 'today', [PANEL], 'framegate'), /a &lt; b[^]*64 B &amp; more/);
});

test('figures keep three digits', () => {
  assert.deepEqual([0.0523, 0.523, 5.23, 52.34, 523.4, 5234].map(significant), [
    '0.052',
    '0.523',
    '5.23',
    '52.3',
    '523',
    '5234',
  ]);
});
