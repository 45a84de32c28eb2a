// What becomes of a limit that a real store cannot count, and of others beside it.

import assert from 'node:assert/strict';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';
import { StoreScene, storeAt } from '../store-scene.ts';
import { redisCli, startCluster, startRedis, stopRedis } from './redis-programs.ts';

const SLOTS = 16_384;

/** Calls what the scene leaves to be done at the end. */
export async function inScene(run: (scene: StoreScene) => Promise<void>): Promise<void> {
  const ends: (() => Promise<void>)[] = [];
  const scene = new StoreScene({ after: (end) => void ends.push(end) });
  try {
    await run(scene);
  } catch (error) {
    throw new Error(scene.log, { cause: error });
  } finally {
    for (const end of ends) await end();
  }
}

/** One node of a cluster hangs, and is killed later: limits on the others go on, and nobody is told that the store is down. */
export async function lostNode(): Promise<void> {
  const nodes = await startCluster([
    '--cluster-require-full-coverage',
    'no',
    '--cluster-node-timeout',
    '2000',
  ]);
  const servers = nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
  const nodeOf = (limit: string): number => {
    const slot = redisCli('-p', `${servers[0].port}`, 'cluster', 'keyslot', `{${limit}}`);
    return Math.floor(Number(slot) / (SLOTS / 3));
  };
  const lost = (nodeOf('proxies') + 1) % 3;
  const names = Array.from({ length: 100 }, (_, at) => `limit${at}`);
  const onLost = names.find((name) => nodeOf(name) === lost);
  const other = names.find((name) => nodeOf(name) !== lost);
  assert.ok(onLost !== undefined && other !== undefined);
  await inScene(async (scene) => {
    await scene.use(storeAt(servers[0].port, { servers, kind: 'cluster' }));
    await scene.comesUp();
    assert.notEqual((await scene.ask({ limit: onLost })).leases, undefined);
    const before = scene.states.length;
    for (const signal of ['SIGSTOP', 'SIGKILL'] as const) {
      nodes[lost].process.kill(signal);
      await eventually(
        'the limit fails',
        async () => (await scene.ask({ limit: onLost })).leases === undefined,
      );
      for (let question = 0; question < 5; question++) {
        const gone = scene.ask({ limit: onLost });
        assert.notEqual((await scene.ask({ limit: other })).leases, undefined);
        assert.equal((await gone).leases, undefined);
      }
      if (signal === 'SIGSTOP') {
        nodes[lost].process.kill('SIGCONT');
        await eventually(
          'the limit is counted',
          async () => (await scene.ask({ limit: onLost })).leases,
          30_000,
        );
      }
    }
    assert.equal(scene.states.slice(before).filter(({ isUp }) => !isUp).length, 0);
    assert.match(scene.log, /the store has failed a question about a limit/);
  });
  await Promise.all(nodes.map((node) => stopRedis(node.process)));
}

/** A key of another type in the place of a lease is written over, and fails no question. */
export async function foreignKey(): Promise<void> {
  const port = await freePort();
  const redis = await startRedis(port);
  await eventually('the server answers', () => redisCli('-p', `${port}`, 'ping') !== undefined);
  redisCli('-p', `${port}`, 'rpush', 'framegate:{calls}:one', 'a list');
  await inScene(async (scene) => {
    await scene.use(storeAt(port));
    await scene.comesUp();
    // The key goes away when its tokens have come back, which is to take longer than the look at it.
    const { leases } = await scene.ask({ ratePerSecond: 0.01 });
    assert.deepEqual(leases, { granted: [5, 5], waitMs: [0, 0], room: [93, 91] });
  });
  assert.equal(redisCli('-p', `${port}`, 'type', 'framegate:{calls}:one')?.trim(), 'string');
  await stopRedis(redis);
}
