// Streams on several machines that one limit paces, by leases of a store: how much passes in all, how evenly, and what happens without the
// store. The machines, their timers and the store have one simulated clock.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { RateLimitConfig } from '../../src/config/limits-config.ts';
import type { StoreConfig } from '../../src/config/stores-config.ts';
import { Quotas } from '../../src/limits/quotas.ts';
import { rateLimitsOf } from '../../src/limits/rate-limits.ts';
import { TokenLines } from '../../src/relay/token-lines.ts';
import { DeadlineWheel } from '../../src/transport/deadline-wheel.ts';
import { routeConfig } from '../support/route-config.ts';
import { standIn } from '../support/stand-in.ts';
import { EagerStream, rateOf } from './eager-stream.ts';
import { mostAdmitted } from './lease-bound.ts';
import { SimulatedClock, SimulatedStore } from './simulated-store.ts';

function limitOf(
  given: Partial<RateLimitConfig> & { readonly rate: RateLimitConfig['rate'] },
): RateLimitConfig {
  return {
    kind: 'rate',
    count: 'messages',
    direction: 'request',
    burst: given.rate.count,
    by: [{ kind: 'route' }],
    exceed: 'slow',
    store: 'fleet',
    ...given,
  };
}

const PER_SECOND = { count: 60, periodMs: 1000 } as const;

interface Machine {
  readonly quotas: Quotas;
  readonly streams: readonly EagerStream[];
}

class Fleet {
  readonly clock = new SimulatedClock();
  readonly store = new SimulatedStore(this.clock);
  readonly machines: readonly Machine[];
  /** How long an answer of the store takes, both ways together. */
  latencyMs = 2;
  /** Whether what is asked is lost on the way. */
  isCut = false;
  /** Whether the store answers, but not about this limit. */
  refuses = false;
  readonly #t: TestContext;
  readonly #limit: RateLimitConfig;

  /** @param streams how many each machine has */
  constructor(t: TestContext, limit: RateLimitConfig, machines: number, streams = 1) {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    this.#t = t;
    this.#limit = limit;
    this.machines = Array.from({ length: machines }, () => this.#machine(streams));
    this.setUp(true);
  }

  #machine(streams: number): Machine {
    const now = (): number => this.clock.nowMs;
    const quotas = new Quotas(now);
    this.#t.after(() => quotas.close());
    quotas.leases.askBy((ask) => {
      if (this.isCut) return;
      const halfMs = this.latencyMs / 2;
      setTimeout(() => {
        const answer = this.refuses ? { number: ask.number } : this.store.answerTo(ask);
        setTimeout(() => quotas.leases.answered(answer), halfMs);
      }, halfMs);
    });
    const lines = new TokenLines(new DeadlineWheel(now));
    const rate = rateOf(this.#limit, quotas);
    return { quotas, streams: Array.from({ length: streams }, () => new EagerStream(rate, lines)) };
  }

  /** All machines are told whether the store can be reached. */
  setUp(isUp: boolean): void {
    for (const { quotas } of this.machines)
      quotas.leases.storeChanged({ store: 'fleet', isUp, holders: this.machines.length });
  }

  setFailure(failure: StoreConfig['failure']): void {
    for (const { quotas } of this.machines)
      quotas.leases.use([standIn<StoreConfig>({ name: 'fleet', failure })]);
  }

  get streams(): readonly EagerStream[] {
    return this.machines.flatMap(({ streams }) => streams);
  }

  get passed(): number {
    return this.streams.reduce((sum, { passed }) => sum + passed, 0);
  }

  begin(): void {
    for (const stream of this.streams) stream.send();
  }

  /** @returns how many tokens have passed meanwhile */
  run(durationMs: number): number {
    const before = this.passed;
    for (let ms = 0; ms < durationMs; ms++) {
      this.clock.nowMs++;
      this.#t.mock.timers.tick(1);
    }
    return this.passed - before;
  }

  /** The bound of docs/limits.md. @param size how many tokens are taken at a time */
  most(durationMs: number, size = 1): number {
    const [{ allowance }] = rateLimitsOf(routeConfig({ limits: [this.#limit] }));
    const terms = {
      store: 'fleet',
      limit: 'all',
      ratePerSecond: allowance.perMs * 1000,
      burst: allowance.burst,
    };
    return mostAdmitted(terms, this.machines.length, durationMs, size);
  }
}

const LIMITS = {
  'messages, 60/s': limitOf({ rate: PER_SECOND }),
  'messages, 60/s with the smallest burst': limitOf({ rate: PER_SECOND, burst: 1 }),
  'messages, 3/s': limitOf({ rate: { count: 3, periodMs: 1000 } }),
  'messages, 1000/m': limitOf({ rate: { count: 1000, periodMs: 60_000 } }),
  'messages, 5000/s': limitOf({ rate: { count: 5000, periodMs: 1000 } }),
  'bytes, 1MiB/s': limitOf({ count: 'bytes', rate: { count: 1_048_576, periodMs: 1000 } }),
  'bytes, 1MiB/s with the smallest burst': limitOf({
    count: 'bytes',
    rate: { count: 1_048_576, periodMs: 1000 },
    burst: 1,
  }),
  'bytes, 1000/s, slower than a slice': limitOf({ count: 'bytes', rate: { count: 1000, periodMs: 1000 } }),
};

for (const [name, limit] of Object.entries(LIMITS))
  for (const [machines, streams] of [
    [1, 1],
    [3, 2],
  ])
    test(`streams on ${machines} machines have the rate of their limit, and no more than the bound: ${name}`, (t) => {
      for (const latencyMs of [2, 40]) {
        const fleet = new Fleet(t, limit, machines, streams);
        fleet.latencyMs = latencyMs;
        fleet.begin();
        const perSecond = (limit.rate.count * 1000) / limit.rate.periodMs;
        // Until the burst is used up, and what was spent in advance is paid.
        fleet.run(Math.max(5000, (3000 * limit.burst) / perSecond));
        const { sliceBytes } = rateOf(limit, new Quotas(() => 0));
        const size = limit.count === 'bytes' ? sliceBytes : 1;
        assert.ok(fleet.passed <= fleet.most(fleet.clock.nowMs - 1000, size), `${fleet.passed} have passed`);
        const passed = fleet.run(60_000);
        const share = passed / (60 * perSecond);
        assert.ok(share >= 0.97 && share <= 1.03, `${share} of the rate, ${latencyMs} ms`);
        t.mock.timers.reset();
      }
    });

test('a stream goes on as evenly as tokens come, also where the burst is much more than what comes in a second', (t) => {
  const fleet = new Fleet(t, LIMITS['messages, 1000/m'], 2);
  fleet.begin();
  fleet.run(240_000);
  for (let second = 0; second < 60; second++) {
    const passed = fleet.run(1000);
    assert.ok(passed >= 12 && passed <= 21, `${passed} messages in second ${second}`);
  }
});

test('machines have about the same part of the rate, and one has all of it while the others have nothing to send', (t) => {
  const fleet = new Fleet(t, LIMITS['messages, 60/s'], 3);
  const [first, ...others] = fleet.streams;
  first.send();
  fleet.run(5000);
  const alone = fleet.run(20_000);
  assert.ok(alone >= 0.97 * 1200 && alone <= 1.03 * 1200, `${alone} messages`);
  for (const stream of others) stream.send();
  fleet.run(5000);
  const before = fleet.streams.map(({ passed }) => passed);
  fleet.run(60_000);
  const shares = fleet.streams.map(({ passed }, index) => (passed - before[index]) / 3600);
  for (const share of shares) assert.ok(share > 0.2 && share < 0.5, shares.join(' '));
});

test('what waits goes on when the store has granted more, without a look at the clock', (t) => {
  const fleet = new Fleet(t, limitOf({ rate: { count: 1000, periodMs: 1000 }, burst: 8000 }), 1);
  fleet.latencyMs = 6;
  // What may be spent before the store has heard of it.
  fleet.begin();
  const inAdvance = fleet.passed;
  fleet.run(7);
  assert.equal(fleet.passed, inAdvance, 'asked 2 ms later, answered 6 ms after that');
  fleet.run(1);
  assert.ok(fleet.passed > inAdvance, `${fleet.passed}`);
});

test('a store that needs longer for its answers than a call waits for it costs no more than the bound', (t) => {
  for (const latencyMs of [60, 150, 400]) {
    const fleet = new Fleet(t, limitOf({ rate: { count: 1000, periodMs: 1000 } }), 3);
    fleet.latencyMs = latencyMs;
    fleet.begin();
    fleet.run(60_000);
    const most = fleet.most(60_000) + 1000;
    assert.ok(fleet.passed <= most, `${fleet.passed} of ${most} have passed, with ${latencyMs} ms`);
    assert.ok(fleet.passed >= 55_000, `${fleet.passed} have passed, with ${latencyMs} ms`);
    t.mock.timers.reset();
  }
});

test('without the store, `local` paces by the share of each machine, whatever is taken at a time', (t) => {
  for (const limit of [
    LIMITS['messages, 60/s'],
    LIMITS['bytes, 1MiB/s'],
    LIMITS['bytes, 1000/s, slower than a slice'],
  ]) {
    const fleet = new Fleet(t, limit, 4);
    fleet.setFailure('local');
    fleet.begin();
    fleet.run(5000);
    fleet.isCut = true;
    fleet.setUp(false);
    fleet.run(5000);
    const share = fleet.run(60_000) / (60 * limit.rate.count);
    assert.ok(share >= 0.95 && share <= 1.05, `${share} of the rate`);
    fleet.isCut = false;
    fleet.setUp(true);
    fleet.run(5000);
    const again = fleet.run(60_000) / (60 * limit.rate.count);
    assert.ok(again >= 0.95 && again <= 1.05, `${again} of the rate`);
    t.mock.timers.reset();
  }
});

test('without the store, `open` lets what waits go on at once', (t) => {
  const fleet = new Fleet(t, limitOf({ rate: { count: 1, periodMs: 3_600_000 } }), 2);
  fleet.setFailure('open');
  fleet.begin();
  fleet.run(5000);
  assert.ok(fleet.streams.every(({ isHeld }) => isHeld));
  const before = fleet.passed;
  fleet.setUp(false);
  assert.ok(fleet.passed >= before + 2000, `${fleet.passed - before} have passed`);
});

test('without the store, `closed` ends what waits with UNAVAILABLE, and what wants tokens later', (t) => {
  const fleet = new Fleet(t, limitOf({ rate: { count: 1, periodMs: 3_600_000 } }), 2);
  fleet.setFailure('closed');
  const [waits, later] = fleet.streams;
  waits.send();
  fleet.run(5000);
  assert.deepEqual([waits.isHeld, waits.ended], [true, undefined]);
  fleet.setUp(false);
  later.send();
  fleet.run(100);
  for (const stream of [waits, later]) {
    assert.equal(stream.isHeld, false);
    assert.deepEqual([stream.ended?.token, stream.ended?.grpcStatus], ['limit_store_unavailable', 14]);
    assert.match(
      stream.ended?.onlyForLog ?? '',
      /^ Store fleet does not answer, and its failure is closed\. /,
    );
  }
});

test('with `closed`, a store that is late for a moment ends no paced stream, and one that comes back is not waited for longer', (t) => {
  const fleet = new Fleet(t, LIMITS['messages, 60/s'], 2);
  fleet.setFailure('closed');
  fleet.begin();
  fleet.run(5000);
  fleet.latencyMs = 400;
  fleet.run(3000);
  fleet.latencyMs = 2;
  fleet.run(1000);
  for (const { ended } of fleet.streams) assert.equal(ended, undefined);
  const passed = fleet.run(10_000);
  assert.ok(passed >= 0.95 * 600, `${passed} messages`);
});

test('with `closed`, a stream ends when the store has refused its limit for a second, although the store is up', (t) => {
  const fleet = new Fleet(t, LIMITS['messages, 60/s'], 2);
  fleet.setFailure('closed');
  fleet.begin();
  fleet.run(5000);
  // Less than a second ends nothing, however often it happens.
  for (let time = 0; time < 3; time++) {
    fleet.refuses = true;
    fleet.run(800);
    fleet.refuses = false;
    fleet.run(800);
  }
  assert.deepEqual([...new Set(fleet.streams.map(({ ended }) => ended))], [undefined]);
  fleet.refuses = true;
  fleet.run(2200);
  for (const { ended } of fleet.streams) assert.equal(ended?.token, 'limit_store_unavailable');
});

test('a store that has refused a limit long ago is asked again before a stream ends', (t) => {
  const fleet = new Fleet(t, LIMITS['messages, 60/s'], 2);
  fleet.setFailure('closed');
  const [first, later] = fleet.streams;
  fleet.refuses = true;
  first.send();
  later.send();
  fleet.run(3000);
  assert.equal(first.ended?.token, 'limit_store_unavailable');
  fleet.refuses = false;
  first.ended = undefined;
  fleet.run(5000);
  const before = first.passed;
  first.send();
  fleet.run(5000);
  assert.equal(first.ended, undefined);
  assert.ok(first.passed > before + 60, `${first.passed - before} messages`);
});

test('streams go on by the share of each machine when a reload removes their store, whatever its failure is', (t) => {
  for (const failure of ['local', 'open', 'closed'] as const) {
    const fleet = new Fleet(t, LIMITS['messages, 60/s'], 2);
    fleet.setFailure(failure);
    fleet.begin();
    fleet.run(5000);
    // Nobody answers for a store that is not there.
    fleet.refuses = true;
    for (const { quotas } of fleet.machines) quotas.use([], []);
    fleet.run(5000);
    const share = fleet.run(60_000) / (60 * 60);
    assert.ok(share >= 0.95 && share <= 1.05, `${share} of the rate, with ${failure}`);
    for (const { ended } of fleet.streams) assert.equal(ended, undefined);
    t.mock.timers.reset();
  }
});

test('a stream whose call has ended is not told of answers, nor of the loss of the store', (t) => {
  const fleet = new Fleet(t, limitOf({ rate: { count: 1, periodMs: 3_600_000 } }), 1);
  fleet.setFailure('open');
  fleet.begin();
  fleet.run(1000);
  const [stream] = fleet.streams;
  assert.equal(stream.isHeld, true);
  const { passed } = stream;
  stream.close();
  fleet.setUp(false);
  fleet.run(20_000);
  assert.equal(stream.passed, passed);
});

test('a limit that is raised lets what waits go on within ten seconds, also where the store had nothing for an hour', (t) => {
  const slow = limitOf({ rate: { count: 1, periodMs: 3_600_000 } });
  const fleet = new Fleet(t, slow, 1);
  fleet.begin();
  fleet.run(5000);
  const [{ quotas }] = fleet.machines;
  quotas.use([routeConfig({ limits: [{ ...slow, rate: { count: 1000, periodMs: 1000 }, burst: 1000 }] })]);
  const before = fleet.passed;
  fleet.run(20_000);
  assert.ok(fleet.passed >= before + 5000, `${fleet.passed - before} have passed`);
});
