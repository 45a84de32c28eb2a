// A worker that is silent for a minute is ended. What lies unread of it, and a process that got no processor itself, are no silence.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { SilenceWatch, type Watched } from '../../src/workers/silence-watch.ts';

class Scene {
  readonly #t: TestContext;
  readonly worker: Watched = { silentLooks: 0 };
  readonly silent: Watched[] = [];
  readonly watch = new SilenceWatch(new Set([this.worker]), (worker) => this.silent.push(worker));
  #nowMs = 1000;

  constructor(t: TestContext) {
    this.#t = t;
    t.mock.timers.enable({ apis: ['setInterval'] });
    t.mock.method(performance, 'now', () => this.#nowMs);
    this.watch.start();
  }

  look(afterMs = 5000): void {
    this.#nowMs += afterMs;
    this.#t.mock.timers.tick(5000);
  }

  async judged(): Promise<void> {
    await new Promise(setImmediate);
  }
}

test('a worker that is silent at twelve looks is ended', async (t) => {
  const scene = new Scene(t);
  for (let count = 0; count < 11; count++) scene.look();
  await scene.judged();
  assert.deepEqual(scene.silent, []);
  scene.look();
  await scene.judged();
  assert.deepEqual(scene.silent, [scene.worker]);
  scene.watch.stop();
});

test('a message that lay unread at the last look counts', async (t) => {
  const scene = new Scene(t);
  for (let count = 0; count < 12; count++) scene.look();
  scene.worker.silentLooks = 0;
  await scene.judged();
  assert.deepEqual(scene.silent, []);
  scene.watch.stop();
});

test('looks that come late say nothing of the workers', async (t) => {
  const scene = new Scene(t);
  for (let count = 0; count < 30; count++) scene.look(15_000);
  await scene.judged();
  assert.deepEqual([scene.silent, scene.worker.silentLooks], [[], 0]);
  scene.watch.stop();
});

test('nothing is judged after the end', async (t) => {
  const scene = new Scene(t);
  for (let count = 0; count < 12; count++) scene.look();
  scene.watch.stop();
  await scene.judged();
  assert.deepEqual(scene.silent, []);
});
