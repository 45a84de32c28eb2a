// When is an endpoint asked whether it is still there, by what, and when is it given up? Without sockets, by a clock of the test.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Keepalive, KeepalivePace, type WatchedConnection } from '../../../src/upstreams/http2/keepalive.ts';
import { nextTurns } from '../../support/memory-socket.ts';

class Watched implements WatchedConnection {
  activeStreams = 0;
  heardAtMs: number;
  hasContent = false;
  /** What was asked and told, each with its time since the start in seconds. */
  readonly log: string[] = [];
  readonly pace: KeepalivePace;
  readonly keepalive: Keepalive;
  readonly #t: TestContext;
  readonly #startMs = 1_000_000;
  nowMs: number = this.#startMs;

  constructor(t: TestContext, afterMs = 20_000, timeoutMs = 20_000) {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    t.mock.method(performance, 'now', () => this.nowMs);
    this.#t = t;
    this.heardAtMs = this.nowMs;
    this.pace = new KeepalivePace({ afterMs, timeoutMs });
    this.keepalive = new Keepalive(this, this.pace);
  }

  readonly http2 = {
    ping: () => this.#note('PING'),
    takeContentSeen: () => {
      const { hasContent } = this;
      this.hasContent = false;
      return hasContent;
    },
  };

  askBySettings(): void {
    this.#note('SETTINGS');
  }

  onSilent(silentMs: number): void {
    this.#note(`silent for ${silentMs / 1000}`);
  }

  doubts = 0;

  onDoubt(): void {
    this.doubts++;
  }

  contain(action: () => void): void {
    this.beforeAction?.();
    action();
  }

  /** Called before the action of each timer and each `setImmediate`. */
  beforeAction: (() => void) | undefined = undefined;

  #note(what: string): void {
    this.log.push(`${(this.nowMs - this.#startMs) / 1000} ${what}`);
  }

  call(): void {
    if (this.activeStreams++ === 0) this.keepalive.callsBegin();
  }

  /** @returns what happened meanwhile */
  async pass(seconds: number): Promise<string[]> {
    for (let passedMs = 0; passedMs < seconds * 1000; passedMs += 100) {
      this.nowMs += 100;
      this.#t.mock.timers.tick(100);
      await nextTurns(1);
    }
    return this.log.splice(0);
  }

  /** Bytes arrive. */
  hear(what: 'an acknowledgement' | 'content' | 'anything'): void {
    this.heardAtMs = this.nowMs;
    if (what === 'content') this.hasContent = true;
    if (what === 'an acknowledgement') this.keepalive.pingAcknowledged();
    if (this.keepalive.isInDoubt) this.keepalive.heard();
  }
}

test('an endpoint with calls is asked once it was silent for so long, and given up without an answer', async (t) => {
  const watched = new Watched(t);
  watched.call();
  assert.deepEqual(await watched.pass(20), ['20 PING']);
  assert.deepEqual(await watched.pass(19), []);
  assert.deepEqual(await watched.pass(1), ['40 silent for 40']);
});

test('any byte is life, and puts the question off', async (t) => {
  const watched = new Watched(t);
  watched.call();
  await watched.pass(15);
  watched.hear('content');
  assert.deepEqual(await watched.pass(19), []);
  assert.deepEqual(await watched.pass(1), ['35 PING']);
  await watched.pass(19);
  watched.hear('anything');
  assert.deepEqual(await watched.pass(19), []);
  assert.deepEqual(await watched.pass(1), ['74 PING']);
});

test('without calls nothing is asked, and no timer is set', async (t) => {
  const watched = new Watched(t);
  watched.call();
  watched.activeStreams--;
  assert.deepEqual(await watched.pass(20), []);
  watched.beforeAction = () => assert.fail('a timer has fired');
  assert.deepEqual(await watched.pass(1000), []);
});

test('a call after a long silence gives the endpoint a second to say something by itself', async (t) => {
  const watched = new Watched(t);
  await watched.pass(600);
  watched.call();
  await watched.pass(0.5);
  watched.hear('content');
  assert.deepEqual(await watched.pass(19), []);
  watched.activeStreams = 0;
  await watched.pass(600);
  watched.call();
  assert.deepEqual(await watched.pass(1), ['1220.5 PING']);
});

test('a silence begins with the call that was the first to expect something, not with the time without calls', async (t) => {
  const watched = new Watched(t);
  watched.call();
  watched.activeStreams = 0;
  await watched.pass(90);
  watched.call();
  assert.deepEqual(await watched.pass(22), ['91 PING', '111 silent for 21']);
});

test('a silence begins with the question if calls have ended and begun since the last look', async (t) => {
  const paused = new Watched(t);
  paused.call();
  await paused.pass(1);
  paused.activeStreams = 0;
  await paused.pass(14);
  paused.call();
  assert.deepEqual(await paused.pass(25), ['20 PING', '40 silent for 20']);
});

test('a silence begins with the last byte if that came after the calls had begun', async (t) => {
  const paused = new Watched(t);
  paused.call();
  await paused.pass(1);
  paused.activeStreams = 0;
  await paused.pass(4);
  paused.call();
  await paused.pass(1);
  paused.hear('content');
  assert.deepEqual(await paused.pass(41), ['26 PING', '46 silent for 40']);
});

test('a call that stays open counts from the last byte', async (t) => {
  const watched = new Watched(t);
  watched.call();
  await watched.pass(5);
  watched.hear('content');
  watched.call();
  watched.activeStreams--;
  assert.deepEqual(await watched.pass(45), ['25 PING', '45 silent for 40']);
});

test('two PINGs between HEADERS or DATA of the endpoint, then SETTINGS, which no server counts', async (t) => {
  const watched = new Watched(t);
  watched.call();
  const asked: string[] = [];
  const answerFor = async (times: number): Promise<void> => {
    for (let time = 0; time < times; time++) {
      asked.push(...(await watched.pass(20)));
      watched.hear('an acknowledgement');
    }
  };
  await answerFor(5);
  watched.hear('content');
  await answerFor(3);
  assert.deepEqual(
    asked.map((one) => one.split(' ')[1]),
    ['PING', 'PING', 'SETTINGS', 'SETTINGS', 'SETTINGS', 'PING', 'PING', 'SETTINGS'],
  );
});

test('what arrives before the answer to a PING may have been sent before the PING was counted', async (t) => {
  const watched = new Watched(t);
  watched.call();
  assert.deepEqual(await watched.pass(20), ['20 PING']);
  watched.hear('content');
  watched.hear('an acknowledgement');
  assert.deepEqual(await watched.pass(20), ['40 PING']);
  watched.hear('an acknowledgement');
  assert.deepEqual(await watched.pass(20), ['60 SETTINGS']);
});

test('a connection that owes the answer for a second is in doubt until anything arrives', async (t) => {
  const watched = new Watched(t);
  watched.call();
  await watched.pass(20.9);
  assert.equal(watched.keepalive.isInDoubt, false);
  await watched.pass(0.1);
  assert.equal(watched.keepalive.isInDoubt, true);
  watched.hear('anything');
  assert.equal(watched.keepalive.isInDoubt, false);
});

test('an answer that waits to be read when the time is over counts', async (t) => {
  const watched = new Watched(t, 20_000, 1000);
  watched.call();
  await watched.pass(20);
  let actions = 0;
  // The timer comes first, and what has arrived while this process stood still is read behind it.
  watched.beforeAction = () => {
    if (++actions === 2) watched.hear('anything');
  };
  assert.deepEqual(await watched.pass(1), []);
  assert.deepEqual([actions, watched.keepalive.isInDoubt], [2, false]);
});

test('an endpoint that gets too many PINGs is asked half as often, and no less than every two hours', async (t) => {
  const watched = new Watched(t);
  watched.pace.slowDown();
  watched.call();
  assert.deepEqual(await watched.pass(40), ['40 PING']);
  for (let time = 0; time < 20; time++) watched.pace.slowDown();
  assert.equal(watched.pace.afterMs, 7_200_000);
});

test('nothing is asked after the end', async (t) => {
  const watched = new Watched(t);
  watched.call();
  watched.keepalive.close();
  watched.keepalive.close();
  watched.call();
  assert.deepEqual(await watched.pass(100), []);
});

test('that it owes an answer is told once, with how long it has been silent and when its calls end', async (t) => {
  const watched = new Watched(t, 5000, 15_000);
  watched.call();
  await watched.pass(6);
  assert.equal(watched.doubts, 1);
  assert.deepEqual(watched.keepalive.doubtAt(watched.nowMs), {
    silentMs: 6000,
    askedMs: 1000,
    endsInMs: 14_000,
  });
  await watched.pass(6);
  assert.deepEqual(watched.keepalive.doubtAt(watched.nowMs), {
    silentMs: 12_000,
    askedMs: 7000,
    endsInMs: 8000,
  });
  assert.equal(watched.doubts, 1);
  watched.hear('anything');
  assert.equal(watched.keepalive.doubtAt(watched.nowMs), undefined);
  await watched.pass(30);
  assert.equal(watched.doubts, 2, 'and again when it is silent again');
});
