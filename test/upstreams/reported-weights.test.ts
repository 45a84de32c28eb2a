// What load reports make of the weights of a group.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, double, assert as holds, integer, option, property, record } from 'fast-check';
import { EndpointCounts } from '../../src/calls/endpoint-counts.ts';
import { weighByReports } from '../../src/upstreams/reported-weights.ts';
import { Scripted } from '../support/scripted-endpoint.ts';
import { NO_UPSTREAM_EVENTS } from '../support/upstream-events.ts';

function endpointOf(reported: number | undefined, weight = 1): Scripted {
  const state = { address: { kind: 'unix', path: '/a', text: 'a' }, weight, priority: 0 } as const;
  const endpoint = new Scripted(state, {
    ...NO_UPSTREAM_EVENTS,
    countsOf: () => new EndpointCounts(),
    onCapacity: () => undefined,
    onReach: () => undefined,
  });
  endpoint.reportedWeight = reported;
  return endpoint;
}

function weigh(...reported: readonly (number | undefined)[]): readonly number[] {
  const members = reported.map((weight) => endpointOf(weight));
  weighByReports(members);
  return members.map(({ weight }) => Number(weight.toPrecision(6)));
}

test('weights are in the proportion of the reports, and one without gets their mean', () => {
  assert.deepEqual(weigh(100, 300), [0.5, 1.5]);
  assert.deepEqual(weigh(100, 300, undefined), [0.5, 1.5, 1]);
});

test('with fewer than two reports the weights are those of the configuration', () => {
  const members = [endpointOf(100, 3), endpointOf(undefined, 2)];
  weighByReports(members);
  assert.deepEqual(
    members.map(({ weight }) => weight),
    [3, 2],
  );
});

test('weights of the configuration come back when the reports cease', () => {
  const members = [endpointOf(100, 3), endpointOf(300, 5)];
  weighByReports(members);
  assert.deepEqual(
    members.map(({ weight }) => weight),
    [2, 6],
  );
  members[0].reportedWeight = undefined;
  weighByReports(members);
  assert.deepEqual(
    members.map(({ weight }) => weight),
    [3, 5],
  );
});

test('one server that reports next to no load does not get all calls', () => {
  const weights = weigh(1e12, ...Array<number>(9).fill(100));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  assert.ok(weights[0] / sum < 0.53, String(weights));
  assert.deepEqual(weigh(1e-9, 100, 100), [0.142857, 1.42857, 1.42857]);
});

test('slow start is a part of the weight by reports', () => {
  const members = [endpointOf(100), endpointOf(300)];
  members[1].warmth = 0.1;
  weighByReports(members);
  assert.deepEqual(
    members.map(({ weight }) => Number(weight.toPrecision(6))),
    [0.5, 0.15],
  );
  members[1].warmth = 1;
  assert.equal(members[1].weight, 1.5);
});

test('whatever is reported, weights are above 0 and finite, and the group keeps its weight', () => {
  const member = record({
    reported: option(double({ min: 1e-9, max: 1e12, noNaN: true }), { nil: undefined }),
    weight: integer({ min: 1, max: 1000 }),
  });
  holds(
    property(array(member, { minLength: 1, maxLength: 50 }), (parts) => {
      const members = parts.map(({ reported, weight }) => endpointOf(reported, weight));
      weighByReports(members);
      const configured = parts.reduce((sum, { weight }) => sum + weight, 0);
      const assigned = members.reduce((sum, { weight }) => sum + weight, 0);
      assert.ok(Math.abs(assigned - configured) < 1e-6 * configured, `${assigned} of ${configured}`);
      for (const { weight } of members) assert.ok(weight > 0 && Number.isFinite(weight), String(weight));
    }),
  );
});
