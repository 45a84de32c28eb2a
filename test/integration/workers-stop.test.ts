// However the primary ends, its workers end too: after their calls where there is time for that, and nothing is left behind.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { eventually } from '../support/eventually.ts';
import { startDemo } from '../support/proxy-under-test.ts';
import { connectRawClient } from '../support/raw-client.ts';
import { type ReloadingProxy, startReloadingProxy } from '../support/reloading-proxy.ts';
import { startTalking, type TalkingStream, wantGoodEnd } from '../support/talking-streams.ts';

const PATIENCE_MS = 60_000;
/** What is under way to two workers at most. */
const NEWCOMERS = 60;
const EMPTY_MESSAGE = Buffer.alloc(5);

interface Setting {
  readonly proxy: ReloadingProxy;
  readonly pids: readonly number[];
  readonly streams: readonly TalkingStream[];
}

async function started(t: TestContext, drain: Readonly<Record<string, unknown>>): Promise<Setting> {
  const service = await startDemo(t);
  const upstreams = { voice: { endpoints: [service.address] } };
  const proxy = await startReloadingProxy(t, { workers: 2, upstreams, drain });
  const pids = (await proxy.workers()).map(({ pid }) => pid);
  const address = `localhost:${await proxy.process.port('tls')}`;
  const streams = await startTalking(t, { address, ca: proxy.process.caPem, count: 6 });
  return { proxy, pids, streams };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function wantNobodyLeft(pids: readonly number[]): Promise<void> {
  await eventually('every worker has ended', () => !pids.some(isAlive), PATIENCE_MS);
}

test('SIGTERM: not ready at once, running streams finish in every worker, and the exit code is 0', async (t) => {
  const { proxy, pids, streams } = await started(t, { timeout: 'off', delay: '500ms' });
  proxy.process.signal('SIGTERM');
  await eventually('it is not ready', async () => (await proxy.ask('GET', '/ready')).status === 503);
  await proxy.line('draining');
  const messages = streams.map((stream) => stream.messages);
  await eventually('all go on', () =>
    streams.every((stream, index) => stream.messages > messages[index] + 5),
  );
  // Workers tell a terminal's Ctrl-C, or systemd, nothing.
  for (const pid of pids) process.kill(pid, 'SIGTERM');
  await wantGoodEnd(streams);
  assert.equal(await proxy.process.exit(), 0);
  await wantNobodyLeft(pids);
});

test('clients that the primary had accepted and no worker has taken yet are served by a process that stops', async (t) => {
  const { proxy, pids, streams } = await started(t, { timeout: 'off' });
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  const port = await proxy.process.port('clear');
  const clients = await Promise.all(Array.from({ length: NEWCOMERS }, () => connectRawClient({ port })));
  t.after(() => clients.forEach((client) => client.destroy()));
  const calls = clients.map((client) => client.outcome(client.call({ body: EMPTY_MESSAGE })));
  await eventually('the primary has accepted them', async () => {
    const connections = (await proxy.workers()).map((worker) => worker.connections);
    return connections.reduce((sum, count) => sum + count, 0) === streams.length + NEWCOMERS;
  });
  proxy.process.signal('SIGTERM');
  await proxy.line('draining');
  for (const pid of pids) process.kill(pid, 'SIGCONT');
  for (const { grpcStatus, grpcMessage } of await Promise.all(calls))
    assert.equal(grpcStatus, '0', grpcMessage);
  await wantGoodEnd(streams);
  assert.equal(await proxy.process.exit(), 0);
});

test('streams that outlast drain.timeout end with UNAVAILABLE, and the exit code is 0', async (t) => {
  const { proxy, pids, streams } = await started(t, { timeout: '100ms' });
  proxy.process.signal('SIGTERM');
  for (const stream of streams) assert.equal((await stream.outcome).code, status.UNAVAILABLE);
  assert.equal(await proxy.process.exit(), 0);
  await wantNobodyLeft(pids);
});

test('a second SIGTERM ends everything at once', async (t) => {
  const { proxy, pids, streams } = await started(t, { timeout: 'off' });
  proxy.process.signal('SIGTERM');
  await proxy.line('draining');
  proxy.process.signal('SIGTERM');
  assert.equal(await proxy.process.exit(), 1);
  await wantNobodyLeft(pids);
  // Connections are cut, which grpc-js calls the one or the other.
  for (const stream of streams)
    assert.ok([status.UNAVAILABLE, status.INTERNAL].includes((await stream.outcome).code));
});

test('workers whose primary was killed let their calls finish, and end', async (t) => {
  const { proxy, pids, streams } = await started(t, { timeout: 'off' });
  proxy.process.signal('SIGKILL');
  assert.equal(await proxy.process.exit(), 'SIGKILL');
  const messages = streams.map((stream) => stream.messages);
  await eventually('all go on', () =>
    streams.every((stream, index) => stream.messages > messages[index] + 5),
  );
  assert.ok(pids.every(isAlive));
  await wantGoodEnd(streams);
  await wantNobodyLeft(pids);
});
