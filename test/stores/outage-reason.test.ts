// Which reasons of an outage are told, and how often.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OutageReason } from '../../src/stores/outage-reason.ts';
import { RedisStore } from '../../src/stores/redis-store.ts';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { generous, scriptedServer } from './scripted-server.ts';
import { StoreScene, storeAt } from './store-scene.ts';

test('the first reason of each outage is told at once, and another one ten seconds after the last at the soonest', () => {
  let nowMs = 500;
  const outage = new OutageReason(() => nowMs);
  const told = (...reasons: readonly string[]): readonly string[] =>
    reasons.filter((one) => outage.isNews(one));
  assert.deepEqual(told('connection_closed', 'connection_closed', 'ECONNREFUSED'), ['connection_closed']);
  nowMs += 9_999;
  assert.deepEqual(told('ECONNREFUSED'), []);
  nowMs += 1;
  assert.deepEqual(told('ECONNREFUSED', 'timeout'), ['ECONNREFUSED']);
  // A server that changes its reason with each look.
  let all = 0;
  for (let look = 0; look < 400; look++) {
    nowMs += 250;
    all += told(`REASON ${look}`).length;
  }
  assert.ok(all >= 9 && all <= 10, `${all} in 100 s`);
  outage.end();
  assert.deepEqual(told('timeout', 'LOADING'), ['timeout']);
});

test('a store that goes on being down for another reason tells it, once', async (t) => {
  let nowMs = 0;
  let answer: string | undefined = '-LOADING Redis is loading the dataset in memory\r\n';
  const server = await scriptedServer(t, (keys, values, socket) => answer ?? generous(keys, values, socket));
  const told: string[] = [];
  const events = {
    onUp: () => void told.push('up'),
    onDown: (reason: string) => void told.push(reason),
  };
  const options = {
    name: 'fleet',
    servers: [{ host: '127.0.0.1', port: server.port }],
    kind: 'server',
    master: undefined,
    tls: undefined,
    user: undefined,
    password: undefined,
    database: 0,
    prefix: 'framegate',
    processes: 1,
  } as const;
  const store = new RedisStore(options, 'id', events, () => nowMs);
  t.after(() => store.close());
  await eventually('it is loading', () => told.includes('LOADING'));
  answer = '-NOPERM no permission\r\n';
  const before = server.commands.length;
  await eventually('it has looked some times more', () => server.commands.length >= before + 4);
  assert.deepEqual(
    told.filter((one) => one === 'NOPERM'),
    [],
  );
  nowMs += 60_000;
  await eventually('the other reason is told', () => told.includes('NOPERM'));
  const later = server.commands.length;
  nowMs += 60_000;
  await eventually('it has looked some times more', () => server.commands.length >= later + 4);
  assert.equal(told.filter((one) => one === 'NOPERM').length, 1);
  answer = undefined;
  await eventually('it is up', () => told.at(-1) === 'up');
});

test('a server that stops and comes back with a password is said to want one, in log, status and diagnosis', async (t) => {
  let answer: string | undefined;
  const server = await scriptedServer(t, (keys, values, socket) => answer ?? generous(keys, values, socket));
  const scene = new StoreScene(t);
  await scene.use(storeAt(server.port));
  await scene.comesUp();
  await server.stop();
  await scene.goesDown();
  assert.doesNotMatch(scene.log, /NOAUTH/);
  answer = '-NOAUTH Authentication required.\r\n';
  await server.start();
  await eventually('the log has the new reason', () => /"reason":"NOAUTH"/.test(scene.log), START_TIMEOUT_MS);
  assert.match(
    scene.lines.at(-1) ?? '',
    /does not answer.*"reason":"NOAUTH","remedy":"it wants a password: write `password: /,
  );
  const [report] = scene.watch.report;
  assert.deepEqual([report.isUp, report.reason], [false, 'NOAUTH']);
  const [diagnosis] = scene.diagnoses.report().recent;
  assert.equal(diagnosis.code, 'FG2061');
  assert.match(diagnosis.sentence, /wants a password \(NOAUTH\): write `password: /);
  answer = undefined;
  await scene.comesUp();
  assert.equal(scene.watch.report[0].reason, undefined);
});

test('the reason of an outage is none of before the store answered', async (t) => {
  const server = await scriptedServer(t, generous);
  await server.stop();
  const scene = new StoreScene(t);
  await scene.use(storeAt(server.port));
  await eventually('it is refused', () => /"reason":"ECONNREFUSED"/.test(scene.log), START_TIMEOUT_MS);
  await server.start();
  await scene.comesUp();
  const before = scene.lines.length;
  await server.stop();
  await scene.goesDown();
  await eventually('it is told', () => scene.lines.length > before);
  assert.match(scene.lines[before], /does not answer/);
  assert.doesNotMatch(scene.lines[before], /ECONNREFUSED/);
});
