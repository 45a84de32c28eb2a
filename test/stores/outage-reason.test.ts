// Which reasons of an outage are told, and how often.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OutageReason } from '../../src/stores/outage-reason.ts';
import { RedisStore } from '../../src/stores/redis-store.ts';
import { eventually } from '../support/eventually.ts';
import { generous, scriptedServer } from './scripted-server.ts';

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
