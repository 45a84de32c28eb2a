// A message that has announced more than has passed holds tokens only for what its sender owes. What waits here for a receiver that does not
// read, and what the sender cannot send meanwhile, holds none: otherwise one slow reader would stop all calls that share its limit.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Tokens } from '../../src/calls/flow-limits.ts';
import type { RateLimitConfig } from '../../src/config/limits-config.ts';
import type { StoreConfig } from '../../src/config/stores-config.ts';
import { framed } from '../../src/grpc/message-reader.ts';
import { Quotas } from '../../src/limits/quotas.ts';
import { rateLimitsOf } from '../../src/limits/rate-limits.ts';
import { SimulatedClock, SimulatedStore } from '../limits/simulated-store.ts';
import { ending, paced } from '../support/clocked-tokens.ts';
import { routeConfig } from '../support/route-config.ts';
import { standIn } from '../support/stand-in.ts';
import { Clock, Limited } from './limited-relay.ts';

const BURST = 1000;
/** In this time, all tokens come back. */
const FULL_AFTER_MS = 1000;
const MESSAGE_BYTES = 900;
const MESSAGE = framed(Buffer.alloc(MESSAGE_BYTES - 5));

const LIMIT: RateLimitConfig = {
  kind: 'rate',
  count: 'bytes',
  direction: 'request',
  rate: { count: BURST, periodMs: FULL_AFTER_MS },
  burst: BURST,
  by: [{ kind: 'route' }],
  exceed: 'end',
};

interface Counted {
  readonly tokens: Tokens;
  passes(ms: number): void;
}

class Scene {
  readonly clock = new Clock();
  readonly tokens: Tokens;
  readonly #counted: Counted;

  constructor(counted: Counted) {
    this.#counted = counted;
    this.tokens = counted.tokens;
  }

  /** @param room how much its receiver takes */
  call(room: number): Limited {
    const call = new Limited(this.clock, { rates: [ending(this.tokens, { counts: 'bytes' })] });
    call.target.room = room;
    return call;
  }

  passes(ms: number): void {
    this.clock.passes(ms);
    this.#counted.passes(ms);
  }

  takes(count: number): boolean {
    if (this.tokens.take('one', count) <= 0) return true;
    // A store may have to be asked.
    this.#counted.passes(0);
    return this.tokens.take('one', count) <= 0;
  }

  /** So many are there, and no more. They are taken. */
  has(count: number): void {
    assert.equal(this.takes(count + 1), false, `no more than ${count}`);
    assert.equal(this.takes(count), true, `${count}`);
  }
}

function reads(call: Limited, bytes: number): void {
  call.target.room = bytes;
  call.relay.resume();
}

function inOneProcess(t: TestContext, isOfStream: boolean): Counted {
  let nowMs = 0;
  const quotas = new Quotas(() => nowMs);
  t.after(() => quotas.close());
  const [limit] = rateLimitsOf(routeConfig({ limits: [LIMIT] }));
  return {
    tokens: isOfStream ? quotas.streamTokens(limit) : quotas.quotaOf(limit),
    passes: (ms) => {
      nowMs += ms;
    },
  };
}

function withStore(t: TestContext): Counted {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = new SimulatedClock();
  const store = new SimulatedStore(clock);
  const quotas = new Quotas(() => clock.nowMs);
  t.after(() => quotas.close());
  quotas.leases.use([standIn<StoreConfig>({ name: 'fleet', failure: 'closed' })]);
  store.serve(quotas.leases);
  quotas.leases.storeChanged({ store: 'fleet', isUp: true, holders: 1 });
  return {
    tokens: quotas.quotaOf(rateLimitsOf(routeConfig({ limits: [{ ...LIMIT, store: 'fleet' }] }))[0]),
    passes: (ms) => {
      clock.nowMs += ms;
      for (let trips = 0; trips < 3; trips++) {
        quotas.leases.flush();
        store.answerAll();
      }
      t.mock.timers.tick(ms);
    },
  };
}

const EXACT: Record<string, (t: TestContext) => Counted> = {
  'a count of this process': (t) => inOneProcess(t, false),
  'a count of a stream': (t) => inOneProcess(t, true),
};
const ALL = { ...EXACT, 'a count in a store': withStore };

for (const [name, counted] of Object.entries(ALL)) {
  test(`what has come and waits for its receiver holds no tokens: ${name}`, (t) => {
    const scene = new Scene(counted(t));
    scene.call(1).forwards(MESSAGE);
    scene.passes(0);
    for (let times = 0; times < 5; times++) {
      scene.passes(FULL_AFTER_MS);
      assert.equal(scene.takes(MESSAGE_BYTES), true);
    }
  });

  test(`what has not come holds none while something before it waits, and holds them again after that: ${name}`, (t) => {
    const scene = new Scene(counted(t));
    const call = scene.call(1);
    call.forwards(MESSAGE.subarray(0, 300));
    scene.passes(0);
    scene.passes(FULL_AFTER_MS);
    assert.equal(scene.takes(MESSAGE_BYTES), true);
    scene.passes(FULL_AFTER_MS);
    reads(call, Number.POSITIVE_INFINITY);
    assert.equal(call.passedBytes, 300);
    for (let times = 0; times < 5; times++) scene.passes(FULL_AFTER_MS);
    assert.equal(scene.takes(500), false);
    assert.equal(scene.takes(300), true);
  });
}

for (const [name, counted] of Object.entries(EXACT)) {
  test(`the tokens of bytes that come after a wait are not taken twice: ${name}`, (t) => {
    const scene = new Scene(counted(t));
    const call = scene.call(1);
    call.forwards(MESSAGE.subarray(0, 300));
    scene.passes(FULL_AFTER_MS);
    reads(call, Number.POSITIVE_INFINITY);
    call.forwards(MESSAGE.subarray(300, 500));
    assert.equal(scene.takes(601), false, 'what still has not come is held');
    call.forwards(MESSAGE.subarray(500));
    scene.has(BURST);
  });

  test(`a wait that is over at once leaves what is owed held, and takes nothing more: ${name}`, (t) => {
    const scene = new Scene(counted(t));
    const call = scene.call(1);
    for (let end = 100; end < MESSAGE_BYTES; end += 100) {
      call.target.room = 1;
      call.forwards(MESSAGE.subarray(end - 100, end));
      reads(call, Number.POSITIVE_INFINITY);
    }
    scene.has(BURST - MESSAGE_BYTES);
    scene.passes(FULL_AFTER_MS);
    scene.has(MESSAGE_BYTES);
  });

  test(`a call that ends in a wait gives back what time has not brought back, and nothing else: ${name}`, (t) => {
    for (const [waitedMs, left] of [
      [0, BURST - 1],
      [400, BURST - 1],
      [5 * FULL_AFTER_MS, BURST],
    ] as const) {
      const scene = new Scene(counted(t));
      const call = scene.call(1);
      call.forwards(MESSAGE.subarray(0, 300));
      scene.passes(waitedMs);
      call.relay.unlimit();
      call.gate.close();
      scene.has(left);
    }
  });

  test(`a call that ends after a wait gives back no tokens that others have taken since: ${name}`, (t) => {
    const scene = new Scene(counted(t));
    const call = scene.call(1);
    call.forwards(MESSAGE.subarray(0, 300));
    scene.passes(FULL_AFTER_MS);
    assert.equal(scene.takes(400), true);
    reads(call, Number.POSITIVE_INFINITY);
    scene.has(400);
    call.relay.unlimit();
    // 800 were taken just now. The 200 that were added for the message go.
    scene.has(200);
  });
}

test('a limit that is only tried holds nothing for a receiver that does not read either', (t) => {
  const scene = new Scene(inOneProcess(t, false));
  let told = 0;
  const dryRun = { ends: true, tell: () => told++ };
  const call = new Limited(scene.clock, {
    rates: [ending(scene.tokens, { counts: 'bytes', dryRun })],
  });
  call.target.room = 1;
  call.forwards(MESSAGE);
  scene.passes(FULL_AFTER_MS);
  scene.has(BURST);
  assert.equal(told, 0);
});

test('what waits for another limit holds nothing', (t) => {
  const scene = new Scene(inOneProcess(t, false));
  const call = new Limited(scene.clock, {
    rates: [
      ending(scene.tokens, { counts: 'bytes' }),
      paced(scene.clock.tokens(1, 10), { counts: 'bytes', sliceBytes: 10 }),
    ],
  });
  call.forwards(MESSAGE.subarray(0, 300));
  assert.equal(call.passedBytes, 10);
  scene.passes(FULL_AFTER_MS);
  assert.equal(scene.takes(BURST - 5), true);
});

test('what is sent once more after an attempt was lost holds nothing while it waits', (t) => {
  const scene = new Scene(inOneProcess(t, false));
  const call = scene.call(Number.POSITIVE_INFINITY);
  call.forwards(MESSAGE.subarray(0, 300));
  call.relay.clearTarget();
  call.relay.replay([MESSAGE.subarray(0, 300)], false);
  scene.passes(FULL_AFTER_MS);
  assert.equal(scene.takes(BURST), true);
  call.connects();
  scene.passes(FULL_AFTER_MS);
  scene.has(BURST - 600);
});
