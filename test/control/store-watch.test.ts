// What the processes that carry calls are told of stores when the configuration changes, and when the process that takes leases ends.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { LeaseAnswer, LeaseAsk } from '../../src/config/lease-messages.ts';
import type { StoreConfig } from '../../src/config/stores-config.ts';
import { UnusableConfig } from '../../src/config/unusable-config.ts';
import { StoreWatch } from '../../src/control/store-watch.ts';
import type { FromStores, ToStores } from '../../src/stores/store-messages.ts';
import { eventually } from '../support/eventually.ts';
import { standIn } from '../support/stand-in.ts';
import { storeConfig } from '../support/store-config.ts';

/** A process that takes leases, which says what the test wants. */
class ScriptedChild {
  readonly process: ChildProcess;
  readonly #events = new EventEmitter();
  /** What it was sent. */
  readonly sent: ToStores[] = [];
  #hasEnded = false;

  constructor() {
    this.process = Object.assign(standIn<ChildProcess>({ pid: 1, connected: true }), {
      on: this.#events.on.bind(this.#events),
      once: this.#events.once.bind(this.#events),
      send: (message: ToStores) => {
        this.sent.push(message);
        if (message.type === 'close') setImmediate(() => this.end());
        return true;
      },
      kill: () => {
        this.end();
        return true;
      },
    });
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#events.emit('close', 0, null);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  says(message: FromStores): void {
    this.#events.emit('message', message);
  }

  saysUp(store: string, holders = 2): void {
    this.says({ type: 'up', store, holders });
  }

  saysDown(store: string, reason: string): void {
    this.says({ type: 'down', store, reason });
  }

  /** How many questions it was asked. */
  get asked(): number {
    return this.sent.filter(({ type }) => type === 'take').length;
  }

  /** Grants what was asked for with a question, the last if none is named, for so many keys. */
  grants(keys: number, number = this.#lastNumber): void {
    const [granted, waitMs, room] = [1, 0, 5].map((each) => Array<number>(keys).fill(each));
    this.says({ type: 'taken', number, tookMs: 3, leases: { granted, waitMs, room } });
  }

  /** The last question finds no answer. */
  fails(reason: string): void {
    this.says({ type: 'taken', number: this.#lastNumber, tookMs: 3, reason });
  }

  get #lastNumber(): number {
    const asked = this.sent.findLast((message) => message.type === 'take');
    assert.ok(asked !== undefined);
    return asked.ask.number;
  }
}

class Scene {
  /** What was told, in order. */
  readonly told: string[] = [];
  /** How many processes were said to share a store, in the same order. */
  readonly holders: number[] = [];
  /** The lines of the log. */
  readonly lines: string[] = [];
  /** Codes and sentences. */
  readonly diagnoses: string[] = [];
  readonly children: ScriptedChild[] = [];
  readonly watch: StoreWatch;

  constructor(t: TestContext) {
    const log = (fields: object, message: string): void => {
      this.lines.push(`${message} ${JSON.stringify(fields)}`);
    };
    this.watch = new StoreWatch({
      publish: ({ store, isUp, holders }) => {
        this.told.push(`${store} ${isUp ? 'up' : 'down'}`);
        this.holders.push(holders);
      },
      logger: { info: log, warn: log, error: log },
      diagnoses: { record: ({ code, sentence }) => this.diagnoses.push(`${code} ${sentence}`) },
      carriers: () => 3,
      fork: () => {
        const child = new ScriptedChild();
        this.children.push(child);
        return child.process;
      },
    });
    t.after(() => this.watch.close());
  }

  use(...names: readonly string[]): Promise<void> {
    return this.useStores(...names.map((name) => storeOf(name)));
  }

  async useStores(...stores: readonly StoreConfig[]): Promise<void> {
    const change = await this.watch.prepare(stores);
    await change.commit();
  }

  /** The lines since the last time. */
  takeLines(): readonly string[] {
    return this.lines.splice(0);
  }

  metric(name: string): readonly number[] {
    return [...(this.watch.metrics.find((one) => one.name === name)?.values ?? [])];
  }

  ask(): Promise<LeaseAnswer> {
    return new Promise((resolve) => {
      this.watch.ask(ASK, resolve);
    });
  }
}

function storeOf(name: string, more: Partial<StoreConfig> = {}): StoreConfig {
  return storeConfig({ name, ...more });
}

const ASK: LeaseAsk = {
  number: 7,
  store: 'one',
  limit: 'calls',
  ratePerSecond: 1,
  burst: 1,
  keys: ['key'],
  owed: [0],
  least: [0],
  wanted: [1],
};

test('a store that the configuration does not name any more ends nothing, and is down when it is named again, until it answers', async (t) => {
  const scene = new Scene(t);
  const { told, children } = scene;
  await scene.use('one', 'two');
  children[0].saysUp('one');
  children[0].saysUp('two');
  assert.deepEqual(told, ['one down', 'two down', 'one up', 'two up']);
  told.length = 0;
  await scene.use('two');
  assert.deepEqual([told, await scene.ask()], [[], { number: ASK.number }]);
  await scene.use('one', 'two');
  children[0].saysUp('one');
  assert.deepEqual(told, ['one down', 'one up']);
  told.length = 0;
  await scene.use();
  assert.deepEqual(told, []);
});

const PASSWORD_NAME = 'STORE_WATCH_TEST_ROTATED';
const ROTATED = { kind: 'environment', variable: PASSWORD_NAME } as const;

for (const [what, before, after] of [
  ['address', {}, { servers: [{ host: '127.0.0.1', port: 2 }] }],
  ['database', {}, { database: 1 }],
  ['prefix', {}, { prefix: 'other' }],
  ['password', { password: ROTATED }, { password: ROTATED }],
] as const)
  test(`a store with another ${what} is not down, and what is asked meanwhile waits for its answer`, async (t) => {
    process.env[PASSWORD_NAME] = 'the old one';
    t.after(() => {
      delete process.env[PASSWORD_NAME];
    });
    const scene = new Scene(t);
    await scene.useStores(storeOf('one', before));
    const [child] = scene.children;
    assert.ok(child !== undefined);
    child.saysUp('one');
    scene.told.length = 0;
    const lost = scene.ask();
    process.env[PASSWORD_NAME] = 'the new one';
    await scene.useStores(storeOf('one', after));
    // The connection to the store as it was is closed.
    child.fails('connection_closed');
    const late = scene.ask();
    assert.deepEqual([scene.told, child.asked, scene.watch.report[0]?.isUp], [[], 1, undefined]);
    child.saysUp('one', 4);
    assert.deepEqual([scene.told, child.asked], [['one up'], 3]);
    for (const number of [2, 3]) child.grants(1, number);
    for (const { leases } of await Promise.all([lost, late])) assert.deepEqual(leases?.granted, [1]);
    assert.doesNotMatch(scene.lines.join(), /failed|does not answer/);
  });

test('a store with another address is down when it fails, or has said nothing for a second, and what waits is told so', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const scene = new Scene(t);
  const { told, children } = scene;
  let port = 1;
  const useNext = (): Promise<void> =>
    scene.useStores(storeOf('one', { servers: [{ host: '127.0.0.1', port: ++port }] }));
  await useNext();
  for (const fail of [
    () => children[0].saysDown('one', 'refused'),
    () => t.mock.timers.tick(1000),
    () => children[0].end(),
    () => t.mock.timers.tick(1000),
  ]) {
    t.mock.timers.tick(500);
    children.splice(0, children.length - 1);
    children[0].saysUp('one');
    await useNext();
    const answer = scene.ask();
    t.mock.timers.tick(999);
    // A second change gives no further time.
    told.length = 0;
    await useNext();
    assert.deepEqual(told, []);
    fail();
    assert.deepEqual(told.splice(0).slice(0, 1), ['one down']);
    assert.deepEqual(await answer, { number: ASK.number });
  }
});

test('a question to a store with another address is answered once the configuration does not name the store any more, and the store is not down later', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const scene = new Scene(t);
  await scene.use('one', 'two');
  for (const store of ['one', 'two']) scene.children[0]?.saysUp(store);
  await scene.useStores(storeOf('one', { servers: [{ host: '127.0.0.1', port: 2 }] }), storeOf('two'));
  const answers: LeaseAnswer[] = [];
  scene.watch.ask(ASK, (answer) => answers.push(answer));
  await turn();
  assert.deepEqual(answers, []);
  scene.told.length = 0;
  await scene.use('two');
  await turn();
  assert.deepEqual(answers, [{ number: ASK.number }]);
  t.mock.timers.tick(1000);
  assert.deepEqual(scene.told, []);
});

test('when the process ends, its stores are down before its questions are answered', async (t) => {
  const scene = new Scene(t);
  const { told, children, watch } = scene;
  await scene.use('one');
  children[0].saysUp('one');
  watch.ask(ASK, ({ leases }) => told.push(leases === undefined ? 'no leases' : 'leases'));
  children[0].end();
  assert.deepEqual(told, ['one down', 'one up', 'one down', 'no leases']);
});

test('the log says once that a store answers, that it does not and why, and that it answers again', async (t) => {
  const scene = new Scene(t);
  await scene.useStores(storeOf('one', { failure: 'closed' }), storeOf('two'));
  const [child] = scene.children;
  assert.ok(child !== undefined);
  child.saysUp('one');
  child.saysUp('one', 3);
  assert.deepEqual(scene.takeLines(), ['the store of shared limits answers {"store":"one","processes":2}']);
  for (const reason of ['refused', 'refused', 'timeout']) child.saysDown('one', reason);
  const lost =
    'the store of shared limits does not answer: calls under its limits are refused, and streams end, once what was leased is used up';
  const facts = '"store":"one","servers":"127.0.0.1:1","failure":"closed"';
  const diagnosis = '"token":"store_unavailable","code":"FG2061"';
  assert.deepEqual(scene.takeLines(), [
    `${lost} {${facts},"reason":"refused",${diagnosis}}`,
    `${lost} {${facts},"reason":"timeout",${diagnosis}}`,
  ]);
  assert.equal(scene.watch.report[0]?.reason, 'timeout');
  child.saysUp('one');
  assert.equal(scene.watch.report[0]?.reason, undefined);
  assert.deepEqual(scene.takeLines(), [
    'the store answers again; shared limits hold {"store":"one","processes":2}',
  ]);
  child.saysDown('one', 'NOAUTH');
  const remedy =
    'it wants a password: write `password: { file: NAME }`, and `user` if it is not the default one';
  assert.deepEqual(scene.takeLines(), [
    `${lost} {${facts},"reason":"NOAUTH","remedy":"${remedy}",${diagnosis}}`,
  ]);
  child.saysDown('two', 'refused');
  assert.match(scene.takeLines().join(), /^the store .*: each process counts for itself, with its share/);
});

test('processes are told of a store when it changes, with how many share it, and until it has said so with how many carry calls here', async (t) => {
  const scene = new Scene(t);
  const { told, holders } = scene;
  await scene.use('one');
  const [child] = scene.children;
  child?.saysUp('one', 5);
  child?.saysUp('one', 6);
  child?.saysDown('one', 'refused');
  child?.saysDown('one', 'timeout');
  assert.deepEqual(told, ['one down', 'one up', 'one up', 'one down']);
  assert.deepEqual(holders, [3, 5, 6, 6]);
});

test('a store that the configuration does not have is not spoken of, whatever the process says', async (t) => {
  const scene = new Scene(t);
  await scene.use('one');
  scene.told.length = 0;
  scene.children[0]?.saysUp('other');
  scene.children[0]?.saysDown('other', 'refused');
  assert.deepEqual([scene.told, scene.takeLines(), scene.watch.report.length], [[], [], 1]);
});

test('a store that is not known to answer is not asked, and the answer still comes later', async (t) => {
  const scene = new Scene(t);
  assert.deepEqual(await scene.ask(), { number: ASK.number }, 'there is no store at all');
  await scene.use('one');
  const [child] = scene.children;
  const answers: LeaseAnswer[] = [];
  scene.watch.ask(ASK, (answer) => answers.push(answer));
  assert.deepEqual(answers, [], 'who asks is not called back while it asks');
  await scene.ask();
  assert.deepEqual(answers, [{ number: ASK.number }]);
  child?.saysDown('one', 'refused');
  assert.deepEqual(await scene.ask(), { number: ASK.number });
  assert.ok(child?.sent.every(({ type }) => type === 'use'));
});

test('leases count if there is one for each key, and what else the process answers has failed', async (t) => {
  const scene = new Scene(t);
  await scene.use('one');
  const [child] = scene.children;
  assert.ok(child !== undefined);
  child.saysUp('one');
  const good = scene.ask();
  child.grants(1);
  assert.deepEqual(await good, { number: ASK.number, leases: { granted: [1], waitMs: [0], room: [5] } });
  for (const keys of [0, 2]) {
    const bad = scene.ask();
    child.grants(keys);
    assert.deepEqual(await bad, { number: ASK.number }, `${keys} leases`);
  }
  assert.deepEqual(scene.metric('framegate_store_round_trips_total'), [1, 2]);
  const [seconds] = scene.metric('framegate_store_round_trip_seconds_total');
  assert.equal(seconds?.toFixed(6), '0.009000');
  child.saysDown('one', 'refused');
  assert.deepEqual(scene.metric('framegate_store_errors_total'), [1]);
  assert.deepEqual(scene.metric('framegate_store_up'), [0]);
});

test('the same stores again change nothing, and another failure is for the proxy alone', async (t) => {
  const scene = new Scene(t);
  const { told } = scene;
  await scene.use('one');
  const [child] = scene.children;
  assert.ok(child !== undefined);
  child.saysUp('one');
  told.length = 0;
  await scene.use('one');
  await scene.useStores(storeOf('one', { failure: 'open' }));
  assert.deepEqual([told, child.sent.length, scene.watch.report[0]?.failure], [[], 1, 'open']);
  child.saysDown('one', 'refused');
  assert.match(scene.lines.at(-1) ?? '', /its limits let everything pass/);
});

test('a prepared change is not in force before it is put to use', async (t) => {
  const scene = new Scene(t);
  const change = await scene.watch.prepare([storeOf('one')]);
  await change.discard();
  assert.deepEqual([scene.told, scene.children.length, scene.watch.report], [[], 0, []]);
});

test('the process runs while there is a store, and ends with the last', async (t) => {
  const scene = new Scene(t);
  await scene.use('one');
  await scene.use('one', 'two');
  assert.equal(scene.children.length, 1);
  await scene.use();
  await eventually('the process has ended', () => scene.children[0]?.hasEnded);
  await scene.use('one');
  assert.equal(scene.children.length, 2);
  assert.ok(!scene.lines.some((line) => line.includes('has ended')), 'it was told to end');
});

test('when the process ends by itself, the log has its fault, and each store says why it is down', async (t) => {
  const scene = new Scene(t);
  await scene.use('one');
  const [child] = scene.children;
  child?.saysUp('one');
  child?.says({ type: 'fault', name: 'TypeError', places: 'at a (b.ts:1)' });
  scene.takeLines();
  child?.end();
  const [down, ended] = scene.takeLines();
  assert.match(down ?? '', /^the store .*"reason":"process_ended"/);
  assert.match(
    ended ?? '',
    /^the process that takes leases .*"how":"exit code 0","error":"TypeError","places":"at a \(b\.ts:1\)","startsInMs":500/,
  );
});

test('the admin API is told the servers, three at most, and neither user nor password', async (t) => {
  const scene = new Scene(t);
  const host = { host: '::1', port: 6379 };
  const name = 'STORE_WATCH_TEST_PASSWORD';
  process.env[name] = 'a-secret';
  t.after(() => {
    delete process.env[name];
  });
  const password = { kind: 'environment', variable: name } as const;
  const many = ['a', 'b', 'c', 'd'].map((each) => ({ host: each, port: 1 }));
  await scene.useStores(
    storeOf('one', { servers: [host], user: 'a-user', password }),
    storeOf('two', { servers: many, failure: 'open' }),
  );
  scene.children[0]?.saysUp('one');
  scene.children[0]?.saysDown('two', 'refused');
  assert.deepEqual(scene.watch.report, [
    { name: 'one', servers: '[::1]:6379', failure: 'local', isUp: true, processes: 2 },
    { name: 'two', servers: 'a:1, b:1, c:1, …', failure: 'open', isUp: false, reason: 'refused' },
  ]);
  assert.doesNotMatch(scene.lines.join(), /a-secret|a-user/);
  assert.match(JSON.stringify(scene.children[0]?.sent), /"user":"a-user","password":"a-secret"/);
});

test('a store whose password cannot be read makes the configuration unusable, and names the key', async (t) => {
  const scene = new Scene(t);
  const password = { kind: 'environment', variable: 'STORE_WATCH_TEST_MISSING' } as const;
  await assert.rejects(
    () => scene.watch.prepare([storeOf('one', { password })]),
    (error) => {
      assert.ok(error instanceof UnusableConfig);
      const [finding] = error.findings;
      assert.deepEqual(finding?.path, ['stores', 'one', 'password', 'environment']);
      assert.match(finding?.message ?? '', /STORE_WATCH_TEST_MISSING is not set/);
      return true;
    },
  );
  assert.equal(scene.children.length, 0);
});

test('each time that a store does not answer is a diagnosis, with its servers, the reason and what holds meanwhile', async (t) => {
  const scene = new Scene(t);
  await scene.useStores(storeOf('one', { failure: 'closed' }), storeOf('two'));
  const [child] = scene.children;
  for (const reason of ['refused', 'refused', 'timeout']) child?.saysDown('one', reason);
  const holds =
    'Until it answers, calls under its limits are refused, and streams end, once what was leased is used up.';
  assert.deepEqual(
    scene.diagnoses.splice(0),
    ['refused', 'refused', 'timeout'].map(
      (reason) => `FG2061 Store one (127.0.0.1:1) does not answer: ${reason}. ${holds}`,
    ),
  );
  child?.saysUp('one');
  assert.equal(scene.diagnoses.length, 0);
  child?.end();
  assert.deepEqual(
    scene.diagnoses.map((text) => text.replace(/, .*/, '')),
    ['one', 'two'].map(
      (name) => `FG2061 Store ${name} (127.0.0.1:1) does not answer: process_ended. Until it answers`,
    ),
  );
});

test('a store that comes and goes is logged ten times a minute, and told each time', async (t) => {
  const scene = new Scene(t);
  const { told, lines, children } = scene;
  await scene.use('one', 'two');
  const [child] = children;
  assert.ok(child !== undefined);
  for (let round = 0; round < 50; round++) {
    child.saysUp('one');
    child.saysDown('one', 'refused');
  }
  assert.equal(told.length, 2 + 100);
  assert.equal(lines.filter((line) => line.includes('does not answer')).length, 10);
  assert.equal(lines.filter((line) => line.includes('answers again')).length, 10);
  child.saysDown('two', 'refused');
  assert.match(lines.at(-1) ?? '', /does not answer: .*"store":"two"/);
});
