// What the processes that carry calls are told of stores when the configuration changes, and when the process that takes leases ends.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { type TestContext, test } from 'node:test';
import type { LeaseAsk } from '../../src/config/lease-messages.ts';
import type { StoreConfig } from '../../src/config/stores-config.ts';
import { StoreWatch } from '../../src/control/store-watch.ts';
import type { ToStores } from '../../src/stores/store-messages.ts';
import { standIn } from '../support/stand-in.ts';

/** A process that takes leases, which says what the test wants. */
class ScriptedChild {
  readonly process: ChildProcess;
  readonly #events = new EventEmitter();
  #hasEnded = false;

  constructor() {
    this.process = Object.assign(standIn<ChildProcess>({ pid: 1, connected: true }), {
      on: this.#events.on.bind(this.#events),
      once: this.#events.once.bind(this.#events),
      send: (message: ToStores) => {
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

  saysUp(store: string): void {
    this.#events.emit('message', { type: 'up', store, holders: 2 });
  }
}

class Scene {
  /** What was told, in order. */
  readonly told: string[] = [];
  readonly children: ScriptedChild[] = [];
  readonly watch: StoreWatch;

  constructor(t: TestContext) {
    this.watch = new StoreWatch({
      publish: ({ store, isUp }) => this.told.push(`${store} ${isUp ? 'up' : 'down'}`),
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
      carriers: () => 1,
      fork: () => {
        const child = new ScriptedChild();
        this.children.push(child);
        return child.process;
      },
    });
    t.after(() => this.watch.close());
  }

  async use(...names: readonly string[]): Promise<void> {
    const change = await this.watch.prepare(names.map(storeOf));
    await change.commit();
  }
}

function storeOf(name: string): StoreConfig {
  return {
    name,
    servers: [{ host: '127.0.0.1', port: 1 }],
    kind: 'server',
    master: undefined,
    tls: undefined,
    user: undefined,
    password: undefined,
    database: 0,
    prefix: 'framegate',
    failure: 'local',
  };
}

const ASK: LeaseAsk = {
  number: 7,
  store: 'one',
  limit: 'calls',
  ratePerSecond: 1,
  burst: 1,
  keys: ['key'],
  owed: [0],
  wanted: [1],
};

test('a store that the configuration does not name any more is down, and also when it is named again, until it answers', async (t) => {
  const scene = new Scene(t);
  const { told, children } = scene;
  await scene.use('one', 'two');
  children[0].saysUp('one');
  children[0].saysUp('two');
  assert.deepEqual(told, ['one down', 'two down', 'one up', 'two up']);
  told.length = 0;
  await scene.use('two');
  assert.deepEqual(told, ['one down']);
  await scene.use('one', 'two');
  children[0].saysUp('one');
  assert.deepEqual(told, ['one down', 'one down', 'one up']);
  told.length = 0;
  await scene.use();
  assert.deepEqual(told, ['one down', 'two down']);
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
