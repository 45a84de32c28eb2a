// A store whose server does not open the database of the configuration: the client library would go on in database 0.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { generous, scriptedServer } from './scripted-server.ts';
import { StoreScene, storeAt } from './store-scene.ts';

const REFUSALS: readonly (readonly [answer: string, reason: string])[] = [
  ['-ERR DB index is out of range\r\n', 'no_database'],
  ['-ERR SELECT is not allowed in cluster mode\r\n', 'no_database'],
  ["-NOPERM User framegate has no permissions to run the 'select' command\r\n", 'NOPERM'],
];

for (const [answer, reason] of REFUSALS)
  test(`a store whose database is refused by ${answer.slice(1, -2)} is down with its reason, and counts nothing in another database`, async (t) => {
    let selects = 0;
    const server = await scriptedServer(t, generous, {
      SELECT: () => {
        selects++;
        return answer;
      },
    });
    const scene = new StoreScene(t);
    await scene.use(storeAt(server.port, { database: 3 }));
    await eventually('the database was asked for again and again', () => selects > 4);
    assert.equal(scene.isUp, false);
    assert.match(scene.log, new RegExp(`does not answer.*"reason":"${reason}"`));
    assert.match(scene.log, reason === 'NOPERM' ? /\+select/ : /does not open the database of `database`/);
    assert.equal((await scene.ask()).leases, undefined);
    assert.ok(!server.commands.some((command) => command.startsWith('EVAL')), server.commands.join(' '));
  });

test('a server that opens the database later takes leases then, and only there', async (t) => {
  let isThere = false;
  const opened: string[] = [];
  const inDatabase: boolean[] = [];
  const server = await scriptedServer(
    t,
    (keys, values, socket) => {
      inDatabase.push(isThere);
      return generous(keys, values, socket);
    },
    {
      SELECT: ([database]) => {
        opened.push(database);
        return isThere ? '+OK\r\n' : '-ERR DB index is out of range\r\n';
      },
    },
  );
  const scene = new StoreScene(t);
  await scene.use(storeAt(server.port, { database: 3 }));
  await eventually('it is down', () => /"reason":"no_database"/.test(scene.log));
  isThere = true;
  await scene.comesUp();
  assert.notEqual((await scene.ask()).leases, undefined);
  // A new connection begins in database 0 again.
  isThere = false;
  await server.stop();
  await scene.goesDown();
  await server.start();
  const before = opened.length;
  await eventually('the database is asked for on the new connection', () => opened.length > before + 2);
  assert.equal(scene.isUp, false);
  assert.ok(inDatabase.length > 0 && !inDatabase.includes(false));
  assert.deepEqual([...new Set(opened)], ['3']);
});

test('a store that does not answer whether it opens the database is down, and counts nothing in another one', async (t) => {
  const server = await scriptedServer(t, generous, { SELECT: () => '' });
  const scene = new StoreScene(t);
  await scene.use(storeAt(server.port, { database: 3 }));
  const selects = (): number => server.commands.filter((command) => command === 'SELECT').length;
  await eventually('it is connected to again', () => selects() > 2);
  assert.equal(scene.isUp, false);
  assert.match(scene.log, /does not answer.*"reason":"timeout"/);
  assert.ok(!server.commands.some((command) => command.startsWith('EVAL')), server.commands.join(' '));
});

test('where the database is 0, it is not asked for', async (t) => {
  const server = await scriptedServer(t, generous);
  const scene = new StoreScene(t);
  await scene.use(storeAt(server.port));
  await scene.comesUp();
  assert.ok(!server.commands.includes('SELECT'));
});
