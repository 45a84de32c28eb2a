// What the attempts at an endpoint come to per second, and which of them count as its failures.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointRates } from '../../dashboard/model/endpoint-rates.ts';
import type {
  DashboardFigures,
  EndpointFigures,
  UpstreamFigures,
} from '../../src/admin/dashboard-figures.ts';
import { totalsAt } from './totals.ts';

const NOTHING: EndpointFigures = {
  endpoint: 'a:1',
  state: 'in_use',
  sinceEpochMs: 0,
  inFlight: 0,
  connections: 1,
  weight: 1,
  answered: 0,
  failed: 0,
  givenUp: 0,
  lost: 0,
  timedOut: 0,
  responses: 0,
  responseMs: 0,
  ejections: 0,
};

function figuresAt(atEpochMs: number, upstream: UpstreamFigures): DashboardFigures {
  return {
    event: 'figures',
    epoch: 1,
    olderEpochs: [],
    isReady: true,
    totals: totalsAt(atEpochMs),
    routes: [],
    upstreams: [upstream],
    processes: [],
    workerRestarts: 0,
  };
}

function upstreamWith(counts: Partial<EndpointFigures>): UpstreamFigures {
  return { upstream: 'voice', pending: 0, endpoints: [{ ...NOTHING, ...counts }] };
}

/** The rates of an endpoint whose counters have grown by this in two seconds. */
function ratesOf(grown: Partial<EndpointFigures>) {
  const before = upstreamWith({});
  const after = upstreamWith(grown);
  const rates = endpointRates(after, figuresAt(1000, before), figuresAt(3000, after)).get('a:1');
  assert.ok(rates !== undefined);
  return rates;
}

const OUTCOMES = [
  ['answered', 0, 0],
  ['failed', 5, 0],
  ['givenUp', 0, 5],
  ['lost', 0, 0],
  ['timedOut', 5, 0],
] as const;

for (const [outcome, failed, givenUp] of OUTCOMES)
  test(`attempts that count as ${outcome} are attempts, ${failed > 0 ? 'and failures' : 'no failures'}, ${givenUp > 0 ? 'and given up' : 'not given up'}`, () => {
    assert.deepEqual(ratesOf({ [outcome]: 10 }), {
      perSecond: 5,
      failedPerSecond: failed,
      givenUpPerSecond: givenUp,
      responseMs: undefined,
    });
  });

test('the time to a response is the mean of those that have come since', () => {
  assert.equal(ratesOf({ responses: 4, responseMs: 100 }).responseMs, 25);
});
