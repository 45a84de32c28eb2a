// Limits of calls with several processes: one limit for all of them, wherever the connections of a client are.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { eventually } from '../support/eventually.ts';
import { configOf, proxyConfigText, startDemo } from '../support/proxy-under-test.ts';
import { connectVoiceClient, type TestVoiceClient } from '../support/voice-client.ts';
import { startWorkers, type WorkersUnderTest } from '../support/workers-under-test.ts';

const WORKERS = 3;
const BURST = 60;

async function start(t: TestContext, limits: readonly object[]): Promise<WorkersUnderTest> {
  const demo = await startDemo(t);
  return startWorkers(t, configOf(await textWith(demo.address, limits)), WORKERS, []);
}

function textWith(endpoint: string, limits: readonly object[]): Promise<string> {
  const routes = [{ name: 'voice', match: { path: '/*' }, upstream: 'voice', limits }];
  return proxyConfigText({ endpoints: [endpoint], sections: { routes, drain: { timeout: '0s' } } });
}

/** So slow that nothing is given back while the test runs. */
const LIMIT = { count: 'calls', rate: `${BURST}/h`, burst: BURST, by: ['client'] };

/** Clients with a connection of their own each. */
function connect(t: TestContext, { plane }: WorkersUnderTest, count: number): readonly TestVoiceClient[] {
  const port = plane.listeners.find(({ name }) => name === 'clear')?.port;
  return Array.from({ length: count }, () => {
    const client = connectVoiceClient({
      address: `localhost:${port}`,
      channel: { 'grpc.use_local_subchannel_pool': 1 },
    });
    t.after(() => client.close());
    return client;
  });
}

/** All calls at the same time. @returns how many were admitted; the others were refused by the limit */
async function admittedOf(clients: readonly TestVoiceClient[], each: number): Promise<number> {
  const ended = await Promise.all(
    clients.flatMap((client) => Array.from({ length: each }, () => client.say({}))),
  );
  const OK: number = status.OK;
  const EXHAUSTED: number = status.RESOURCE_EXHAUSTED;
  for (const { code, details } of ended) assert.ok(code === OK || code === EXHAUSTED, `${code} ${details}`);
  return ended.filter(({ code }) => code === OK).length;
}

/** Calls until nothing is left, also for a worker that has waited in vain for this busy process. @returns how many were admitted */
async function useUp(clients: readonly TestVoiceClient[]): Promise<number> {
  let admitted = 0;
  for (let idle = 0; idle < 3; ) {
    const more = await admittedOf(clients, BURST / 2);
    admitted += more;
    idle = more === 0 ? idle + 1 : 0;
  }
  return admitted;
}

test('a client whose one connection is in one worker has the whole limit', async (t) => {
  const scene = await start(t, [LIMIT]);
  const [client] = connect(t, scene, 1);
  assert.equal(await useUp([client]), BURST);
});

test('a client with connections in all workers has no more than the limit and the shares of the other workers', async (t) => {
  const scene = await start(t, [LIMIT]);
  const clients = connect(t, scene, 2 * WORKERS);
  await Promise.all(clients.map((client) => client.say({})));
  const spread = await scene.plane.report();
  assert.ok(
    spread.workers?.every(({ connections }) => connections > 0),
    'all workers have connections',
  );
  const admitted = clients.length + (await useUp(clients));
  const most = BURST + ((WORKERS - 1) * BURST) / WORKERS;
  assert.ok(admitted >= BURST && admitted <= most, `${admitted} of ${BURST}`);
});

test('a worker that dies, and one that is replaced, begin with no limit of their own', async (t) => {
  const scene = await start(t, [LIMIT]);
  const clients = connect(t, scene, 2 * WORKERS);
  let admitted = await useUp(clients);
  const before = (await scene.plane.report()).workers ?? [];
  process.kill(before[0].pid, 'SIGKILL');
  await eventually('another worker', async () => {
    const { workers = [] } = await scene.plane.report();
    return (
      workers.length === WORKERS &&
      workers.every(({ pid, state }) => pid !== before[0].pid && state === 'serving')
    );
  });
  await scene.plane.replaceWorkers();
  admitted += await useUp(connect(t, scene, 2 * WORKERS));
  // Each new worker may use its share before it learns that nothing is left.
  const share = BURST / WORKERS;
  const most = BURST + (WORKERS - 1) * share + (WORKERS + 1) * share;
  assert.ok(admitted <= most, `${admitted} of at most ${most}`);
  assert.ok(admitted >= BURST);
});

test('a reload that changes the rate keeps what all workers have counted', async (t) => {
  const demo = await startDemo(t);
  const scene = await startWorkers(t, configOf(await textWith(demo.address, [LIMIT])), WORKERS, []);
  const [client] = connect(t, scene, 1);
  // A call that has waited in vain for this busy process is made again.
  for (let admitted = 0; admitted < 40; ) admitted += await admittedOf([client], 40 - admitted);
  const larger = { ...LIMIT, rate: '100/h', burst: 100 };
  const change = await scene.plane.prepare(configOf(await textWith(demo.address, [larger])), 2);
  await change.commit();
  assert.equal(await useUp([client]), 60);
});
