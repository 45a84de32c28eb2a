// What streams of one worker have announced holds tokens for the others as well, and for no longer than it does in that worker.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { AnnouncedTokens } from '../../src/calls/flow-limits.ts';
import type { RateLimitConfig } from '../../src/config/limits-config.ts';
import { Clock } from '../relay/limited-relay.ts';
import { ToldWorkers } from './told-workers.ts';

const BURST = 1000;
const FULL_AFTER_MS = 1000;

const LIMIT: RateLimitConfig = {
  kind: 'rate',
  count: 'bytes',
  direction: 'request',
  rate: { count: BURST, periodMs: FULL_AFTER_MS },
  burst: BURST,
  by: [{ kind: 'route' }],
  exceed: 'end',
};

class Scene {
  readonly fleet: ToldWorkers;
  /** 900 bytes, in the first worker. */
  readonly announced: AnnouncedTokens;

  constructor(t: TestContext) {
    this.fleet = new ToldWorkers(t, LIMIT, 2, new Clock());
    const [first, second] = this.fleet.tokens;
    assert.equal(first.take('all', 900), 0);
    const announced = first.announce?.('all', 900);
    assert.ok(announced !== undefined);
    this.announced = announced;
    // The second worker hears of it by its own first bytes.
    this.fleet.pass(300, true);
    assert.equal(second.take('all', 1), 0);
    this.fleet.pass(300, true);
  }

  /** What EndingTokens does in the second worker. @returns whether they are there, by what the primary knows */
  takes(count: number): boolean {
    const [, second] = this.fleet.tokens;
    if (second.take('all', count) <= 0) return true;
    for (let asks = 0; !second.knows('all', count); asks++) {
      assert.ok(asks < 3, 'it has to decide at last');
      second.learn('all', count, () => undefined);
      this.fleet.pass(1, true);
    }
    return second.take('all', count) <= 0;
  }
}

test('what a worker has announced holds its tokens in the others however long it takes', (t) => {
  const { fleet, takes } = sceneOf(t);
  fleet.pass(10 * FULL_AFTER_MS, true);
  assert.equal(takes(101), false);
  assert.equal(takes(100), true);
});

test('a message that has ended or come in one worker holds nothing in another from then on', (t) => {
  for (const how of ['ended', 'come']) {
    const { fleet, announced, takes } = sceneOf(t);
    fleet.pass(10 * FULL_AFTER_MS, true);
    assert.equal(takes(500), false);
    if (how === 'ended') announced.end();
    else announced.came(900);
    fleet.pass(FULL_AFTER_MS, true);
    assert.equal(takes(1000), true, how);
    t.mock.timers.reset();
  }
});

test('what a worker has announced ends with the worker', (t) => {
  const { fleet, takes } = sceneOf(t);
  fleet.ledger.forget(fleet.workers[0]);
  fleet.pass(FULL_AFTER_MS, true);
  assert.equal(takes(1000), true);
});

test('a limit that the primary has not known for a while holds what was announced before', (t) => {
  const { fleet, takes } = sceneOf(t);
  fleet.ledger.use([]);
  // Each tells of a byte more.
  for (const tokens of fleet.tokens) assert.equal(tokens.take('all', 1), 0);
  fleet.pass(300, true);
  fleet.reload();
  for (const tokens of fleet.tokens) assert.equal(tokens.take('all', 1), 0);
  fleet.pass(300, true);
  fleet.pass(FULL_AFTER_MS, true);
  assert.equal(takes(101), false);
});

function sceneOf(t: TestContext): Pick<Scene, 'fleet' | 'announced' | 'takes'> {
  const scene = new Scene(t);
  return { fleet: scene.fleet, announced: scene.announced, takes: (count) => scene.takes(count) };
}
