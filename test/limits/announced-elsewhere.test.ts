// What streams of one worker have announced holds tokens for the others as well, and for no longer than it does in that worker.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { AnnouncedTokens } from '../../src/calls/flow-limits.ts';
import type { RateLimitConfig } from '../../src/config/limits-config.ts';
import { Clock, Limited } from '../relay/limited-relay.ts';
import { ending } from '../support/clocked-tokens.ts';
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
    const [first] = this.fleet.tokens;
    assert.equal(first.take('all', 900), 0);
    const announced = first.announce?.('all', 900);
    assert.ok(announced !== undefined);
    this.announced = announced;
    this.fleet.pass(300, true);
    this.hears();
  }

  /** The second worker hears of what the first one has told, by a byte of its own. */
  hears(): void {
    assert.equal(this.fleet.tokens[1].take('all', 1), 0);
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

test('a message that waits for its receiver holds nothing in another worker, and is not taken twice after that', (t) => {
  const { fleet, announced, takes, hears } = sceneOf(t);
  announced.owed(false);
  fleet.pass(FULL_AFTER_MS, true);
  assert.equal(takes(1000), true, 'while it waits');
  fleet.pass(FULL_AFTER_MS, true);
  announced.owed(true);
  fleet.pass(10 * FULL_AFTER_MS, true);
  hears();
  assert.equal(takes(101), false, 'when it does not wait any more');
  announced.came(900);
  fleet.pass(300, true);
  assert.equal(takes(1000), true, 'when it has come');
});

test('a limit that is only tried judges by what has come in another worker, though it waits for no answer', (t) => {
  const { fleet, announced } = sceneOf(t);
  announced.came(900);
  fleet.pass(10 * FULL_AFTER_MS, true);
  let told = 0;
  const rate = ending(fleet.tokens[1], {
    counts: 'bytes',
    key: 'all',
    dryRun: { ends: true, tell: () => told++ },
  });
  const sends = (): void => new Limited(new Clock(), { rates: [rate] }).sends('x'.repeat(795));
  // By what the second worker knows, the first one still holds 900 of 1000 bytes.
  sends();
  assert.equal(told, 0, 'that is too old to tell of');
  fleet.pass(1, true);
  sends();
  assert.equal(told, 0, 'all tokens were there');
  fleet.pass(1, true);
  sends();
  assert.equal(told, 1, 'and now they are not');
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

test('of a limit that the primary did not know for a moment, what ends hides nothing that is announced later', (t) => {
  const { fleet, announced, takes } = sceneOf(t);
  fleet.ledger.use([]);
  fleet.reload();
  announced.end();
  fleet.pass(FULL_AFTER_MS, true);
  const [first, second] = fleet.tokens;
  assert.equal(takes(500), true);
  second.announce?.('all', 500);
  fleet.pass(FULL_AFTER_MS, true);
  assert.equal(first.take('all', 1), 0);
  fleet.pass(10 * FULL_AFTER_MS, true);
  assert.ok(first.take('all', 501) > 0);
  assert.equal(first.take('all', 500), 0);
});

test('who is refused for what others have announced asks again only if the primary has told nothing for 100 ms', (t) => {
  const { fleet } = sceneOf(t);
  const [, second] = fleet.tokens;
  assert.equal(second.take('all', 1), 0);
  fleet.pass(300, true);
  for (const [ms, knows] of [
    [99, true],
    [2, false],
  ] as const) {
    fleet.pass(ms, false);
    assert.ok(second.take('all', 500) > 0);
    assert.equal(second.knows('all', 500), knows);
  }
});

test('what has come here while the primary was being told does not count as announced elsewhere', (t) => {
  const { fleet, announced } = sceneOf(t);
  const [first] = fleet.tokens;
  fleet.pass(FULL_AFTER_MS, true);
  assert.equal(first.take('all', 1), 0);
  // The report leaves.
  fleet.pass(300, false);
  announced.came(500);
  fleet.pass(0, true);
  fleet.pass(FULL_AFTER_MS, false);
  assert.ok(first.take('all', 601) > 0);
  assert.equal(first.take('all', 600), 0);
});

test('after a reload with a smaller burst, what was announced before leaves behind no more than the burst, in all workers', (t) => {
  const { fleet, announced, takes } = sceneOf(t);
  fleet.reload({ ...LIMIT, rate: { count: 100, periodMs: 1000 }, burst: 100 });
  fleet.pass(10_000, true);
  assert.equal(takes(1), false);
  announced.came(900);
  fleet.pass(300, true);
  fleet.pass(1000, true);
  assert.equal(takes(100), true);
});

test('after a reload with a smaller burst, a message that ends gives other workers nothing of what another one holds', (t) => {
  const fleet = new ToldWorkers(t, LIMIT, 2, new Clock());
  const [first, second] = fleet.tokens;
  const [message] = [250, 250].map((count) => {
    assert.equal(first.take('all', count), 0);
    return first.announce?.('all', count);
  });
  fleet.pass(300, true);
  fleet.reload({ ...LIMIT, rate: { count: 100, periodMs: 1000 }, burst: 100 });
  message?.end();
  fleet.pass(300, true);
  // The second worker hears of it by its own first byte.
  second.take('all', 1);
  fleet.pass(300, true);
  fleet.pass(10_000, true);
  assert.ok(second.take('all', 1) > 0);
});

function sceneOf(t: TestContext): Pick<Scene, 'fleet' | 'announced' | 'takes' | 'hears'> {
  const scene = new Scene(t);
  return {
    fleet: scene.fleet,
    announced: scene.announced,
    takes: (count) => scene.takes(count),
    hears: () => scene.hears(),
  };
}
