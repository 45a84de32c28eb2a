// Which changes of endpoints are told, and that those which are in order cost nothing.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Diagnosis } from '../../src/diagnosis/diagnosis.ts';
import { type ConditionChange, type Conditioned, EndpointChanges } from '../../src/plane/endpoint-changes.ts';

const WHY: Diagnosis = { token: 'why', sentence: 'That is why.' };

/** An endpoint whose condition the test sets. */
class Conditional implements Conditioned {
  readonly address;
  lastFailure: Diagnosis | undefined = undefined;
  isInDoubt = false;
  readonly doubt = undefined;
  by: Partial<Record<'health' | 'outliers', Diagnosis>> = {};

  constructor(text = '127.0.0.1:1') {
    this.address = { kind: 'unix', path: text, text } as const;
  }

  exclusionBy(by: 'health' | 'outliers'): Diagnosis | undefined {
    return this.by[by];
  }
}

function watch(t: TestContext): { readonly changes: EndpointChanges; readonly told: ConditionChange[][] } {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 5000 });
  const told: ConditionChange[][] = [];
  const changes = new EndpointChanges();
  changes.onTold = (_carrier, batch) => told.push([...batch]);
  return { changes, told };
}

test('changes are told together, each with its reason', (t) => {
  const { changes, told } = watch(t);
  const endpoint = new Conditional();
  endpoint.lastFailure = WHY;
  changes.look('voice', endpoint);
  endpoint.lastFailure = undefined;
  changes.look('voice', endpoint);
  assert.deepEqual(told, [], 'they wait for others');
  t.mock.timers.tick(1000);
  assert.deepEqual(told, [
    [
      {
        upstream: 'voice',
        endpoint: '127.0.0.1:1',
        to: 'unreachable',
        sentence: 'That is why.',
        atEpochMs: 5000,
      },
      { upstream: 'voice', endpoint: '127.0.0.1:1', to: 'usable', sentence: undefined, atEpochMs: 5000 },
    ],
  ]);
});

test('an endpoint that was in order and still is, or fails again, is not told', (t) => {
  const { changes, told } = watch(t);
  const endpoint = new Conditional();
  changes.look('voice', endpoint);
  t.mock.timers.tick(1000);
  assert.deepEqual(told, []);
  endpoint.by = { outliers: WHY };
  changes.look('voice', endpoint);
  changes.look('voice', endpoint);
  changes.flush();
  assert.deepEqual(
    told.flat().map(({ to }) => to),
    ['ejected'],
  );
});

test('the worst of several conditions counts', (t) => {
  const { changes, told } = watch(t);
  const endpoint = new Conditional();
  endpoint.isInDoubt = true;
  changes.look('voice', endpoint);
  endpoint.lastFailure = WHY;
  changes.look('voice', endpoint);
  endpoint.by = { outliers: WHY };
  changes.look('voice', endpoint);
  endpoint.by = { outliers: WHY, health: WHY };
  changes.look('voice', endpoint);
  endpoint.by = {};
  changes.look('voice', endpoint);
  changes.flush();
  assert.deepEqual(
    told.flat().map(({ to }) => to),
    ['silent', 'unreachable', 'ejected', 'unhealthy', 'unreachable'],
  );
});

test('however many endpoints change, a bounded number of changes waits', (t) => {
  const { changes, told } = watch(t);
  for (let index = 0; index < 5000; index++) {
    const endpoint = new Conditional(`unix:/${index}`);
    endpoint.lastFailure = WHY;
    changes.look('voice', endpoint);
  }
  changes.flush();
  assert.equal(told.flat().length, 1000);
});
