// Whatever senders announce and keep back, and whenever receivers stop reading and go on: what passes is paid for. Since the beginning, no
// more has passed than the burst and what the rate has brought. And nothing stays taken for good.

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
const SEEDS = 60;
const STEPS = 300;
/** Whole milliseconds of the clocks, and sums of fractions. */
const INEXACT = 1;

const LIMIT: RateLimitConfig = {
  kind: 'rate',
  count: 'bytes',
  direction: 'response',
  rate: { count: PER_SECOND, periodMs: 1000 },
  burst: BURST,
  by: [{ kind: 'route' }],
  exceed: 'end',
};

/** Processes that count for one limit, and what carries their news. */
interface Fleet {
  readonly tokens: readonly Tokens[];
  pass(ms: number, arrives: boolean): void;
}

/** Counts up from the seed. @returns whole numbers below another */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** One call whose sender sends messages in parts, and whose receiver reads now and then. */
class Talk {
  readonly call: Limited;
  /** What is to come of the message that has begun. */
  rest: Buffer = Buffer.alloc(0);

  constructor(clock: Clock, tokens: Tokens) {
    this.call = new Limited(clock, { rates: [ending(tokens, { counts: 'bytes', key: 'all' })] });
  }

  get isOver(): boolean {
    return this.call.refusal !== undefined;
  }

  begins(size: number, first: number): void {
    this.rest = framed(Buffer.alloc(size - 5));
    this.brings(first);
  }

  brings(count: number): void {
    this.call.forwards(this.rest.subarray(0, count));
    this.rest = this.rest.subarray(count);
  }

  reads(count: number): void {
    this.call.target.room = count;
    this.call.relay.resume();
  }
}

function single(t: TestContext, clock: Clock, isOfStream: boolean): Fleet {
  const quotas = new Quotas(() => clock.nowMs);
  t.after(() => quotas.close());
  const [limit] = rateLimitsOf(routeConfig({ limits: [LIMIT] }));
  const tokens = isOfStream ? quotas.streamTokens(limit) : quotas.quotaOf(limit);
  return { tokens: [tokens], pass: (ms) => clock.passes(ms) };
}

function withStore(t: TestContext, clock: Clock): Fleet {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const ofStore = new SimulatedClock();
  const store = new SimulatedStore(ofStore);
  const quotas = new Quotas(() => ofStore.nowMs);
  t.after(() => quotas.close());
  quotas.leases.use([standIn<StoreConfig>({ name: 'fleet', failure: 'closed' })]);
  store.serve(quotas.leases);
  quotas.leases.storeChanged({ store: 'fleet', isUp: true, holders: 1 });
  const [limit] = rateLimitsOf(routeConfig({ limits: [{ ...LIMIT, store: 'fleet' }] }));
  return {
    tokens: [quotas.quotaOf(limit)],
    pass: (ms, arrives) => {
      clock.passes(ms);
      ofStore.nowMs += ms;
      for (let trips = arrives ? 3 : 0; trips > 0; trips--) {
        quotas.leases.flush();
        store.answerAll();
      }
      t.mock.timers.tick(ms);
    },
  };
}

/** Streams do anything, by a seed, and end. @returns how many bytes have passed */
function run(clock: Clock, fleet: Fleet, seed: number, most: number): number {
  const random = randomFrom(seed);
  const talks: Talk[] = [];
  let endedBytes = 0;
  let elapsedMs = 0;
  const end = (talk: Talk): void => {
    endedBytes += talk.call.recorded;
    talk.call.relay.unlimit();
    talk.call.gate.close();
    talks.splice(talks.indexOf(talk), 1);
  };
  const passedBytes = (): number => talks.reduce((sum, { call }) => sum + call.recorded, endedBytes);
  const act = (): void => {
    const talk = talks[random(talks.length)];
    const deed = random(12);
    if (talk === undefined || (deed < 3 && talks.length < 12))
      talks.push(new Talk(clock, fleet.tokens[random(fleet.tokens.length)]));
    else if (deed < 4 || talk.isOver) end(talk);
    else if (deed < 8) talk.reads(random(3) === 0 ? Number.POSITIVE_INFINITY : random(LARGEST));
    else if (talk.rest.length > 0) talk.brings(1 + random(2 * talk.rest.length));
    else talk.begins(5 + random(LARGEST - 4), 5 + random(random(2) === 0 ? 1 : LARGEST));
  };
  for (let step = 0; step < STEPS; step++) {
    const ms = random(5) === 0 ? random(2 * FULL_AFTER_MS) : random(200);
    fleet.pass(ms, random(4) > 0);
    elapsedMs += ms;
    for (let acts = 1 + random(8); acts > 0; acts--) act();
    const allowed = most + (elapsedMs * PER_SECOND) / 1000;
    assert.ok(passedBytes() <= allowed + INEXACT, `seed ${seed}: ${passedBytes()} of ${allowed}`);
  }
  while (talks.length > 0) end(talks[0]);
  return endedBytes;
}

/** Whether all tokens are there again. What processes do not know they are told. */
function isFull(fleet: Fleet): boolean {
  const [tokens] = fleet.tokens;
  for (let tries = 0; tries < 5; tries++) {
    if (tokens.take('all', BURST) <= 0) return true;
    tokens.learn?.('all', BURST, () => undefined);
    fleet.pass(1, true);
  }
  return false;
}

const LEASE = leaseOf({ store: 'fleet', limit: 'all', ratePerSecond: PER_SECOND, burst: BURST });

const KINDS: Record<string, readonly [most: number, (t: TestContext, clock: Clock) => Fleet]> = {
  'one process': [BURST, (t, clock) => single(t, clock, false)],
  'one stream': [BURST, (t, clock) => single(t, clock, true)],
  'four workers': [BURST + 3 * LARGEST, (t, clock) => new ToldWorkers(t, LIMIT, 4, clock)],
  'one process with a store': [1.5 * BURST + LEASE + LARGEST, withStore],
};

for (const [name, [most, fleetOf]] of Object.entries(KINDS))
  test(`no more passes than was paid for, however receivers stop and go on, and nothing stays taken: ${name}`, (t) => {
    let bytes = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const clock = new Clock();
      const fleet = fleetOf(t, clock);
      bytes += run(clock, fleet, seed, most);
      for (let waits = 0; waits < 10; waits++) fleet.pass(FULL_AFTER_MS, true);
      assert.equal(isFull(fleet), true, `seed ${seed}: all tokens come back`);
      t.mock.timers.reset();
    }
    assert.ok(bytes > SEEDS * 10 * BURST, `${bytes}: those that keep to it get on`);
  });
