// What is in a report to the primary process, and how long that is late.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { LEARN_WITHIN_MS, type QuotaReport, QuotaReports } from '../../src/limits/quota-reports.ts';
import { type Count, QuotaTable } from '../../src/limits/quota-table.ts';

class Scene {
  nowMs = 1000;
  readonly sent: QuotaReport[] = [];
  readonly told: string[] = [];
  readonly reports = new QuotaReports(() => this.nowMs);
  readonly #table = new QuotaTable({ allowance: { perMs: 1, burst: 100 }, now: () => this.nowMs });
  readonly #timers: TestContext['mock']['timers'];

  constructor(t: TestContext) {
    this.#timers = t.mock.timers;
    this.#timers.enable({ apis: ['setTimeout', 'setImmediate'] });
    t.after(() => this.reports.close());
    this.reports.connect((report) => this.sent.push(report), 2);
  }

  count(key: string): Count {
    const count = this.#table.find(key);
    count.untold++;
    return count;
  }

  readonly quota = {
    id: 'limit',
    goneBackOf: () => 0,
    told: ({ key }: Count) => void this.told.push(key),
  };

  queue(key: string): void {
    this.reports.queue(this.quota, this.count(key));
  }

  queueLater(key: string): void {
    this.reports.queueLater(this.quota, this.count(key));
  }

  passes(ms: number): void {
    this.nowMs += ms;
    this.#timers.tick(ms);
  }

  /** Ends this turn of the event loop. */
  turns(): void {
    this.#timers.tick(0);
  }

  answers(): void {
    const last = this.sent.at(-1);
    assert.ok(last !== undefined);
    const zeros = new Float64Array(last.keys.length);
    this.reports.answered({ report: last.report, used: zeros, announced: zeros });
  }

  get keys(): readonly (readonly string[])[] {
    return this.sent.map(({ keys }) => keys);
  }
}

test('a count that is used many times in a turn is in the report once, with all of it, and can be told again', (t) => {
  const scene = new Scene(t);
  for (let times = 0; times < 3; times++) scene.queue('one');
  scene.queueLater('one');
  scene.queue('two');
  scene.turns();
  assert.deepEqual(scene.keys, [['one', 'two']]);
  assert.deepEqual([...(scene.sent[0]?.counts ?? [])], [4, 1]);
  scene.queue('one');
  scene.answers();
  scene.turns();
  assert.deepEqual(scene.keys.slice(1), [['one']]);
  scene.answers();
  scene.passes(1000);
  assert.equal(scene.sent.length, 2, 'nothing is told twice');
  assert.deepEqual(scene.told, ['one', 'two', 'one']);
});

test('a report has 4,096 counts at most, and the others go with the next', (t) => {
  const scene = new Scene(t);
  for (let index = 0; index < 4100; index++) scene.queue(`key ${index}`);
  scene.turns();
  assert.deepEqual(
    scene.keys.map(({ length }) => length),
    [4096],
  );
  scene.answers();
  scene.turns();
  assert.deepEqual(scene.keys[1], ['key 4096', 'key 4097', 'key 4098', 'key 4099']);
});

test('the primary is late from the first call that has waited in vain until it answers', (t) => {
  const scene = new Scene(t);
  const { reports } = scene;
  let known = 0;
  const wait = (): void => {
    reports.wait(() => known++);
  };
  scene.queue('one');
  scene.turns();
  wait();
  scene.passes(LEARN_WITHIN_MS - 1);
  assert.deepEqual([known, reports.isLate, reports.lateMs], [0, false, 0]);
  scene.passes(1);
  assert.deepEqual([known, reports.isLate, reports.lateMs], [1, true, 0]);
  wait();
  scene.passes(2 * LEARN_WITHIN_MS);
  assert.deepEqual([known, reports.isLate, reports.lateMs], [2, true, 2 * LEARN_WITHIN_MS]);
  scene.answers();
  assert.deepEqual([reports.isLate, reports.lateMs], [false, 0]);
  scene.queue('one');
  scene.turns();
  wait();
  scene.passes(LEARN_WITHIN_MS);
  assert.deepEqual([known, reports.isLate, reports.lateMs], [3, true, 0], 'it is late anew');
});
