// Which upstream of a split a call goes to.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawPart, upstreamOf } from '../../src/relay/split.ts';
import { routeConfig } from '../support/route-config.ts';

const SPLIT = [
  { upstream: 'voice', weight: 95 },
  { upstream: 'off', weight: 0 },
  { upstream: 'next', weight: 5 },
];

test('each upstream is drawn by its weight, and one of weight 0 never', () => {
  const counts = [0, 0, 0];
  for (let draw = 0; draw < 1000; draw++) counts[drawPart(SPLIT, draw / 1000)]++;
  assert.deepEqual(counts, [950, 0, 50]);
  assert.equal(drawPart([{ upstream: 'off', weight: 0 }, ...SPLIT.slice(2)], 0), 1);
});

test('a route names one upstream, or those of its split', () => {
  const route = routeConfig({ upstream: undefined, split: SPLIT });
  assert.deepEqual(
    [0, 2].map((part) => upstreamOf(route, part)),
    ['voice', 'next'],
  );
  assert.equal(upstreamOf(routeConfig({ upstream: 'voice' }), 0), 'voice');
});
