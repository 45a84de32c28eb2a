// A database that a real server does not have: nothing is counted in another one, and the store answers once the server has it.

import assert from 'node:assert/strict';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';
import { storeAt } from '../store-scene.ts';
import { inScene } from './one-limit.ts';
import { redisCli, startRedis, stopRedis } from './redis-programs.ts';

export async function database(): Promise<void> {
  const port = await freePort();
  const keysIn = (number: number): number => Number(redisCli('-p', `${port}`, '-n', `${number}`, 'dbsize'));
  await inScene(async (scene) => {
    const small = await startRedis(port, ['--databases', '2']);
    await eventually('the server answers', () => redisCli('-p', `${port}`, 'ping') !== undefined);
    await scene.use(storeAt(port, { database: 3 }));
    await eventually('the store is down', () => /"reason":"no_database"/.test(scene.log));
    assert.equal((await scene.ask()).leases, undefined);
    assert.equal(keysIn(0), 0);
    await stopRedis(small);
    const large = await startRedis(port);
    await scene.comesUp();
    assert.notEqual((await scene.ask()).leases, undefined);
    assert.equal(keysIn(0), 0);
    assert.ok(keysIn(3) > 0);
    await stopRedis(large);
  });
}
