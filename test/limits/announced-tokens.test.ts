// Whatever clients announce, send, leave out and begin again, and in whatever order: in no time does more pass than the burst and what the
// rate allows in that time. What passes is counted here by itself, byte by byte, at the moment at which it passes.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Tokens } from '../../src/calls/flow-limits.ts';
import type { RateLimitConfig } from '../../src/config/limits-config.ts';
import type { StoreConfig } from '../../src/config/stores-config.ts';
import { framed } from '../../src/grpc/message-reader.ts';
import { leaseOf } from '../../src/limits/lease-terms.ts';
import { Quotas } from '../../src/limits/quotas.ts';
import { rateLimitsOf } from '../../src/limits/rate-limits.ts';
import { Clock, Limited } from '../relay/limited-relay.ts';
import { ending } from '../support/clocked-tokens.ts';
import { routeConfig } from '../support/route-config.ts';
import { standIn } from '../support/stand-in.ts';
import { SimulatedClock, SimulatedStore } from './simulated-store.ts';
import { ToldWorkers } from './told-workers.ts';

const BURST = 1000;
const PER_SECOND = 200;
const FULL_AFTER_MS = (1000 * BURST) / PER_SECOND;
const LARGEST = 900;

/** Counts up from the seed. @returns whole numbers below another */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A bucket of what has really passed. In each time, at most its highest level and what the rate allows have passed. */
class Passed {
  level = 0;
  bytes = 0;

  ages(ms: number): void {
    this.level = Math.max(0, this.level - (ms * PER_SECOND) / 1000);
  }

  add(bytes: number): void {
    this.level += bytes;
    this.bytes += bytes;
  }
}

/** One call that sends messages in parts. */
class Sender {
  readonly #call: Limited;
  readonly #passed: Passed;
  #seen = 0;
  /** What is to come of the message that has begun. */
  rest: Buffer = Buffer.alloc(0);

  constructor(clock: Clock, tokens: Tokens, passed: Passed) {
    this.#call = new Limited(clock, { rates: [ending(tokens, { counts: 'bytes', key: 'all' })] });
    this.#passed = passed;
  }

  get isRefused(): boolean {
    return this.#call.refusal !== undefined;
  }

  /** @param size of the message with its prefix, of which so much comes at once */
  begins(size: number, first: number): void {
    this.rest = framed(Buffer.alloc(size - 5));
    this.brings(first);
  }

  brings(count: number): void {
    this.#call.forwards(this.rest.subarray(0, count));
    this.rest = this.rest.subarray(count);
    this.look();
  }

  /** More may have passed, since tokens that it has waited for were granted. */
  look(): void {
    this.#passed.add(this.#call.recorded - this.#seen);
    this.#seen = this.#call.recorded;
  }

  ends(): void {
    this.#call.gate.close();
  }
}

/** Processes that count for one limit, and what carries their news. */
interface Fleet {
  readonly tokens: readonly Tokens[];
  /** Lets the time pass, and what is on its way arrive, or not. */
  pass(ms: number, arrives: boolean): void;
}

const LIMIT: RateLimitConfig = {
  kind: 'rate',
  count: 'bytes',
  direction: 'request',
  rate: { count: PER_SECOND, periodMs: 1000 },
  burst: BURST,
  by: [{ kind: 'route' }],
  exceed: 'end',
};

function single(t: TestContext, clock: Clock, isOfStream: boolean): Fleet {
  const quotas = new Quotas(() => clock.nowMs);
  t.after(() => quotas.close());
  const [limit] = rateLimitsOf(routeConfig({ limits: [LIMIT] }));
  const tokens = isOfStream ? quotas.streamTokens(limit) : quotas.quotaOf(limit);
  return { tokens: [tokens], pass: (ms) => clock.passes(ms) };
}

/** In which steps the store is gone. */
type IsGone = (step: number) => boolean;

const NEVER: IsGone = () => false;
const ALWAYS: IsGone = () => true;
const NOW_AND_THEN: IsGone = (step) => step % 40 >= 20;

function machines(t: TestContext, clock: Clock, count: number, isGone = NEVER): Fleet {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const ofStore = new SimulatedClock();
  const store = new SimulatedStore(ofStore);
  ofStore.nowMs = clock.nowMs + 1000;
  const route = routeConfig({ limits: [{ ...LIMIT, store: 'fleet' }] });
  const all = Array.from({ length: count }, () => {
    const quotas = new Quotas(() => ofStore.nowMs);
    t.after(() => quotas.close());
    quotas.leases.use([
      standIn<StoreConfig>({ name: 'fleet', failure: isGone === NEVER ? 'closed' : 'local' }),
    ]);
    store.serve(quotas.leases);
    quotas.leases.storeChanged({ store: 'fleet', isUp: true, holders: count });
    return { quotas, tokens: quotas.quotaOf(rateLimitsOf(route)[0]) };
  });
  let step = 0;
  return {
    tokens: all.map(({ tokens }) => tokens),
    pass: (ms, arrives) => {
      clock.passes(ms);
      ofStore.nowMs += ms;
      const isUp = !isGone(++step);
      if (!isUp) store.failAll();
      for (const { quotas } of all) quotas.leases.storeChanged({ store: 'fleet', isUp, holders: count });
      if (arrives)
        for (let trips = 0; trips < 3; trips++) {
          for (const { quotas } of all) quotas.leases.flush();
          store.answerAll();
        }
      t.mock.timers.tick(ms);
    },
  };
}

/** Many streams do anything, by a seed. @returns the highest level of what has passed */
function highestOf(clock: Clock, fleet: Fleet, seed: number): { level: number; bytes: number } {
  const random = randomFrom(seed);
  const { tokens } = fleet;
  const passed = new Passed();
  const senders: Sender[] = [];
  let level = 0;
  for (let step = 0; step < 400; step++) {
    const ms = random(5) === 0 ? random(2 * FULL_AFTER_MS) : random(200);
    fleet.pass(ms, random(4) > 0);
    passed.ages(ms);
    for (const sender of senders) sender.look();
    for (let acts = 1 + random(6); acts > 0; acts--) {
      const sender = senders[random(senders.length)];
      const deed = random(10);
      if (sender === undefined || (deed < 3 && senders.length < 12))
        senders.push(new Sender(clock, tokens[random(tokens.length)], passed));
      else if (deed < 5 || sender.isRefused) {
        sender.ends();
        senders.splice(senders.indexOf(sender), 1);
      } else if (sender.rest.length > 0) sender.brings(1 + random(2 * sender.rest.length));
      else sender.begins(5 + random(LARGEST - 4), 5 + random(random(2) === 0 ? 1 : LARGEST));
    }
    level = Math.max(level, passed.level);
  }
  for (const sender of senders) sender.ends();
  return { level, bytes: passed.bytes };
}

/** A little less comes back in this time. */
const STEP_MS = 250;
const OF_A_STEP = 45;

/**
 * Announces what comes back, and does not send it. In the end all of it is sent.
 * @param isBegunAnew whether messages are left out, and announced in other streams: now and then, and in the end
 * @returns the highest level then
 */
function saveUp(clock: Clock, fleet: Fleet, isBegunAnew: boolean): number {
  const passed = new Passed();
  let held: { readonly sender: Sender; readonly of: Tokens; readonly size: number }[] = [];
  const wait = (ms: number): void => {
    fleet.pass(ms, true);
    passed.ages(ms);
    for (const { sender } of held) sender.look();
    held = held.filter(({ sender }) => !sender.isRefused);
  };
  const begin = (of: Tokens, size: number, first: number): void => {
    const sender = new Sender(clock, of, passed);
    sender.begins(size, first);
    held.push({ sender, of, size });
  };
  const { tokens } = fleet;
  begin(tokens[0], LARGEST, 5);
  for (let step = 0; step < 240; step++) {
    wait(STEP_MS);
    const of = tokens[step % tokens.length];
    begin(of, OF_A_STEP, 5);
    if (!isBegunAnew || step % 10 > 0) continue;
    let size = 0;
    for (const one of held.filter((each) => each.of === of)) {
      if (size + one.size > LARGEST) continue;
      size += one.size;
      one.sender.ends();
      held.splice(held.indexOf(one), 1);
    }
    wait(8);
    begin(of, size, 5);
  }
  wait(STEP_MS);
  let level = 0;
  const all = held;
  held = [];
  for (const { sender, of, size } of all) {
    if (isBegunAnew) {
      sender.ends();
      begin(of, size, size);
    } else sender.brings(size);
    wait(3);
    level = Math.max(level, passed.level);
  }
  return level;
}

const SEEDS = 60;
/** Whole milliseconds of the clocks, and sums of fractions. */
const INEXACT = 1;
const LEASE = leaseOf({ store: 'fleet', limit: 'all', ratePerSecond: PER_SECOND, burst: BURST });

const KINDS: Record<string, readonly [most: number, (t: TestContext, clock: Clock) => Fleet]> = {
  'one process': [BURST, (t, clock) => single(t, clock, false)],
  'one stream': [BURST, (t, clock) => single(t, clock, true)],
  'four workers': [BURST + 3 * LARGEST, (t, clock) => new ToldWorkers(t, LIMIT, 4, clock)],
  'one process with a store': [1.5 * BURST + LEASE + LARGEST, (t, clock) => machines(t, clock, 1)],
  'three processes with a store': [
    1.5 * BURST + 3 * (LEASE + LARGEST) + 2 * BURST,
    (t, clock) => machines(t, clock, 3),
  ],
  'one process whose store is gone': [BURST, (t, clock) => machines(t, clock, 1, ALWAYS)],
  'three processes whose store is gone': [3 * LARGEST, (t, clock) => machines(t, clock, 3, ALWAYS)],
  'one process whose store is gone now and then': [
    1.5 * BURST + LEASE + LARGEST + BURST,
    (t, clock) => machines(t, clock, 1, NOW_AND_THEN),
  ],
};

for (const [name, [most, fleetOf]] of Object.entries(KINDS))
  test(`streams that announce, send, leave out and begin again get no more than the burst and the rate: ${name}`, (t) => {
    let bytes = 0;
    for (let seed = 0; seed < SEEDS; seed++) {
      const clock = new Clock();
      const found = highestOf(clock, fleetOf(t, clock), seed);
      t.mock.timers.reset();
      assert.ok(found.level <= most + INEXACT, `seed ${seed}: ${found.level} of ${most}`);
      bytes += found.bytes;
    }
    assert.ok(bytes > SEEDS * 10 * BURST, 'clients that keep to it get on');
  });

for (const [name, [most, fleetOf]] of Object.entries(KINDS))
  test(`nobody saves up tokens by messages that are announced and not sent: ${name}`, (t) => {
    for (const isBegunAnew of [false, true]) {
      const clock = new Clock();
      const level = saveUp(clock, fleetOf(t, clock), isBegunAnew);
      t.mock.timers.reset();
      assert.ok(level <= most + INEXACT, `${level} of ${most}`);
      assert.ok(level > BURST / 4, `${level}: what was announced can be sent`);
    }
  });
