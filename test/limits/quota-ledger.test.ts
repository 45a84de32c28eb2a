// What the primary process keeps of the counts of its workers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RouteConfig } from '../../src/config/route-config.ts';
import { QuotaLedger } from '../../src/limits/quota-ledger.ts';
import { rateLimitsOf } from '../../src/limits/rate-limits.ts';
import { routeConfig } from '../support/route-config.ts';

const ROUTE: RouteConfig = routeConfig({
  limits: [
    {
      kind: 'rate',
      count: 'bytes',
      direction: 'request',
      rate: { count: 1000, periodMs: 1000 },
      burst: 1000,
      by: [{ kind: 'header', name: 'x-tenant' }],
      exceed: 'end',
    },
  ],
});
const CLIENT = '192.0.2.1';

class Scene {
  nowMs = 1000;
  readonly worker = {};
  readonly ledger: QuotaLedger;

  /** @param most keys that have a count of their own. A client may make up an eighth of them */
  constructor(most: number) {
    this.ledger = new QuotaLedger(() => this.nowMs, most);
    this.ledger.use([ROUTE]);
  }

  /** @returns how much is announced of the count of this key */
  add(key: string, count: number, announced: number): number {
    const answer = this.ledger.add(this.worker, {
      report: 1,
      limits: [rateLimitsOf(ROUTE)[0].id],
      keys: [key],
      clients: [CLIENT],
      counts: Float64Array.of(count),
      goneBack: Float64Array.of(0),
      announced: Float64Array.of(announced),
    });
    return answer.announced[0];
  }
}

test('what was announced of a count that keys share is taken away there, also when the key has a count of its own by then', () => {
  for (const ends of ['it comes', 'the worker ends']) {
    const scene = new Scene(8);
    assert.equal(scene.add('first', 100, 0), 0);
    assert.equal(scene.add('second', 900, 900), 900);
    assert.equal(scene.add('third', 1, 0), 900, 'they share a count');
    // The first count is full again, and makes room.
    scene.nowMs += 10_000;
    assert.equal(scene.add('second', 100, 0), 0, 'it has a count of its own');
    if (ends === 'it comes') assert.equal(scene.add('second', 0, -900), 0);
    else scene.ledger.forget(scene.worker);
    assert.equal(scene.add('third', 1, 0), 0, ends);
  }
});
