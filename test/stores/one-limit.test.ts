// A store that answers about some limits, and not about others.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import {
  type AnswerScript,
  generous,
  isPresence,
  type ScriptedServer,
  scriptedServer,
} from './scripted-server.ts';
import { StoreScene, storeAt } from './store-scene.ts';

const BROKEN = { limit: 'broken', ratePerSecond: 1 };

/** Whether the script is about the broken limit, whose rate is another one. */
function isBroken(values: readonly string[]): boolean {
  return !isPresence(values) && values[0] === '1000000';
}

async function sceneOf(
  t: TestContext,
  script: AnswerScript,
): Promise<{ readonly scene: StoreScene; readonly server: ScriptedServer }> {
  const server = await scriptedServer(t, script);
  const scene = new StoreScene(t);
  await scene.use(storeAt(server.port));
  await scene.comesUp();
  return { scene, server };
}

test('an error answer about one limit leaves the store up for the others, and is logged once, with its keys', async (t) => {
  const { scene } = await sceneOf(t, (keys, values, socket) =>
    isBroken(values) ? '-WRONGTYPE hunter2\r\n' : generous(keys, values, socket),
  );
  const before = scene.states.length;
  for (let question = 0; question < 30; question++) {
    assert.equal((await scene.ask(BROKEN)).leases, undefined);
    assert.notEqual((await scene.ask()).leases, undefined);
  }
  assert.equal(scene.states.length, before, 'nobody is told that the store is down');
  assert.deepEqual(scene.metric('framegate_store_round_trips_total'), [30, 30]);
  const [, line, ...more] = scene.lines;
  assert.deepEqual(more, []);
  assert.match(line, /^the store has failed a question about a limit: /);
  assert.match(line, /"failure":"local","keys":"framegate:\{broken\}:\*","reason":"WRONGTYPE"/);
  assert.doesNotMatch(line, /hunter2/);
});

test('a limit without an answer takes the store down, as the order of answers cannot be trusted any more', async (t) => {
  const { scene } = await sceneOf(t, (keys, values, socket) =>
    isBroken(values) ? undefined : generous(keys, values, socket),
  );
  assert.equal((await scene.ask(BROKEN)).leases, undefined);
  // The next answer, to another question, may come before the time is over.
  await eventually('it is down', () =>
    /does not answer.*"reason":"(?:timeout|invalid_answer)"/.test(scene.log),
  );
  assert.doesNotMatch(scene.log, /a question about a limit/);
  await scene.comesUp();
});
