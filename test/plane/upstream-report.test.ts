import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type EndpointReport,
  mergeUpstreamReports,
  type UpstreamReport,
} from '../../src/plane/upstream-report.ts';

const REFUSED = { by: 'connecting', token: 'upstream_connection_refused', sentence: 'a:1 refused.' } as const;

function endpoint(address: string, changes: Partial<EndpointReport> = {}): EndpointReport {
  return {
    address,
    processes: 1,
    usedBy: 1,
    activeCalls: 1,
    connections: { ready: 1 },
    reasons: [],
    ...changes,
  };
}

function upstream(name: string, endpoints: readonly EndpointReport[], pending = 0): UpstreamReport {
  return { name, pending, endpoints, leftOut: 0 };
}

test('what processes say of the same endpoints is added up', () => {
  const one = [upstream('a', [endpoint('a:1'), endpoint('a:2')], 3), upstream('b', [endpoint('b:1')])];
  const other = [upstream('a', [endpoint('a:1', { connections: { ready: 2, draining: 1 } })], 4)];
  const merged = mergeUpstreamReports([one, other]);
  assert.deepEqual(
    merged.map(({ name, pending }) => [name, pending]),
    [
      ['a', 7],
      ['b', 0],
    ],
  );
  assert.deepEqual(merged[0].endpoints[0], {
    address: 'a:1',
    processes: 2,
    usedBy: 2,
    activeCalls: 2,
    connections: { ready: 3, draining: 1 },
    reasons: [],
  });
  assert.equal(merged[0].endpoints[1].processes, 1);
});

test('a reason that several give is one, with the earliest times', () => {
  const reasons = [
    [{ ...REFUSED, sinceEpochMs: 20, againInMs: 500, processes: 1 }],
    [{ ...REFUSED, sinceEpochMs: 10, againInMs: 900, processes: 1 }],
    [],
  ];
  const merged = mergeUpstreamReports(
    reasons.map((given) => [
      upstream('a', [endpoint('a:1', { usedBy: given.length === 0 ? 1 : 0, reasons: given })]),
    ]),
  );
  const [{ usedBy, processes, reasons: of }] = merged[0].endpoints;
  assert.deepEqual([usedBy, processes], [1, 3]);
  assert.deepEqual(of, [{ ...REFUSED, sinceEpochMs: 10, againInMs: 500, processes: 2 }]);
});
