// A sentinel that names its server wrongly: the store is looked for again, and used once it is named rightly.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { bulk, generous, scriptedServer, texts } from './scripted-server.ts';
import { StoreScene, storeAt } from './store-scene.ts';

const WRONG: Readonly<Record<string, string>> = {
  'a list of one number': '*1\r\n:1\r\n',
  'a port that is too large': texts('127.0.0.1', '99999'),
  'a port below zero, and no host': texts('', '-1'),
  'a port that is no number': texts('127.0.0.1', 'abc'),
  'a list of lists': '*2\r\n*0\r\n*0\r\n',
  'a text': bulk('127.0.0.1'),
  nothing: '*-1\r\n',
  'an error': '-ERR no\r\n',
};

for (const [what, answer] of Object.entries(WRONG))
  test(`a store is used although its sentinel has answered once with ${what}`, async (t) => {
    const server = await scriptedServer(t, generous);
    let asked = 0;
    const sentinel = await scriptedServer(t, () => undefined, {
      SENTINEL: ([about = '']) => {
        if (about.toLowerCase() !== 'get-master-addr-by-name') return '*0\r\n';
        return ++asked === 1 ? answer : texts('127.0.0.1', String(server.port));
      },
    });
    const scene = new StoreScene(t);
    await scene.use(storeAt(sentinel.port, { kind: 'sentinel', master: 'limits' }));
    await eventually('the sentinel is asked', () => asked > 0, START_TIMEOUT_MS);
    await scene.comesUp();
    assert.deepEqual((await scene.ask()).leases?.granted, [5, 5]);
  });
