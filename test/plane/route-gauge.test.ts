// The gauge of the calls that run on each route.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sumMetrics } from '../../src/observability/metrics-snapshot.ts';
import { type RoutedCall, routeCallsFamily } from '../../src/plane/route-gauge.ts';
import { valuesOf } from '../support/metrics-reader.ts';
import { routeConfig } from '../support/route-config.ts';

const ROUTES = [
  routeConfig({ name: 'one', upstream: 'voice' }),
  routeConfig({
    name: 'drawn',
    upstream: undefined,
    split: [
      { upstream: 'voice', weight: 9 },
      { upstream: 'canary', weight: 1 },
    ],
  }),
  routeConfig({ name: 'answers', upstream: undefined }),
];

function call(route: string, upstream: string): RoutedCall {
  return { subject: { route, upstream } };
}

test('running calls are counted by route and upstream, in all processes together, also those of routes that are gone', () => {
  const one = routeCallsFamily([call('one', 'voice'), call('drawn', 'canary'), call('gone', 'old')], ROUTES);
  const other = routeCallsFamily([call('drawn', 'canary'), call('', '')], ROUTES);
  const [family] = sumMetrics([[one], [other]]);
  assert.deepEqual(
    valuesOf(family).map(({ labels, value }) => [labels['route'], labels['upstream'], value]),
    [
      ['one', 'voice', 1],
      ['drawn', 'voice', 0],
      ['drawn', 'canary', 2],
      ['answers', '', 0],
      ['gone', 'old', 1],
      ['', '', 1],
    ],
  );
});
