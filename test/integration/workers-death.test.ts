// A worker that is killed takes its own streams with it and no others, and another one takes its place.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fieldOf, textOf } from '../../src/control/answer-fields.ts';
import { status } from '../../src/demo/grpc.ts';
import { problemsOf } from '../support/api-document.ts';
import { eventually } from '../support/eventually.ts';
import { proxyConfigText, startDemo } from '../support/proxy-under-test.ts';
import { type ReloadingProxy, startReloadingProxy } from '../support/reloading-proxy.ts';
import { startTalking, wantGoodEnd } from '../support/talking-streams.ts';
import { connectVoiceClient } from '../support/voice-client.ts';

const PATIENCE_MS = 60_000;
const mainFile = join(import.meta.dirname, '../../src/main.ts');

async function started(t: TestContext, workers = 2): Promise<ReloadingProxy> {
  const service = await startDemo(t);
  return startReloadingProxy(t, { workers, upstreams: { voice: { endpoints: [service.address] } } });
}

async function speakPlaintext(port: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  socket.resume();
  socket.end('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await once(socket, 'close');
}

/** Both have streams, and the primary has heard of it. */
async function wantBusyWorkers(proxy: ReloadingProxy, streams: number): Promise<void> {
  await eventually('every stream is reported', async () => {
    const workers = await proxy.workers();
    return workers.length > 1 && workers.reduce((sum, worker) => sum + worker.streams, 0) === streams;
  });
}

test('kill -9 of a worker ends its streams and no others, and a new worker takes its place', async (t) => {
  const proxy = await started(t);
  const address = `localhost:${await proxy.process.port('tls')}`;
  const streams = await startTalking(t, { address, ca: proxy.process.caPem, count: 12 });
  await wantBusyWorkers(proxy, streams.length);
  const [victim, survivor] = await proxy.workers();
  assert.ok(victim.streams > 0 && survivor.streams > 0, 'both have streams');
  process.kill(victim.pid, 'SIGKILL');
  const ended = () => streams.filter(({ code }) => code !== undefined);
  await eventually('the streams of the dead worker end', () => ended().length >= victim.streams);
  // The connection is cut, which grpc-js calls the one or the other.
  assert.ok(ended().every(({ code }) => code === status.UNAVAILABLE || code === status.INTERNAL));
  const line = await proxy.line('a worker died');
  assert.deepEqual(
    [line['worker'], line['workerPid'], line['how']],
    [victim.worker, victim.pid, 'signal SIGKILL'],
  );
  const { body } = await proxy.ask('GET', '/api/config');
  const deaths = fieldOf(body, 'workerDeaths');
  assert.equal(fieldOf(deaths, 'count'), 1);
  const last = fieldOf(deaths, 'last');
  assert.deepEqual(
    ['worker', 'pid', 'how', 'connections', 'calls'].map((name) => fieldOf(last, name)),
    [victim.worker, victim.pid, 'signal SIGKILL', line['connections'], victim.streams],
  );
  assert.ok(Math.abs(Date.parse(textOf(fieldOf(last, 'at'))) - Number(line['time'])) < 10_000);
  assert.deepEqual(problemsOf({ $ref: '#/components/schemas/Configuration' }, body), []);
  const successor = await eventually(
    'another worker serves in its place',
    async () =>
      (await proxy.workers()).find(({ worker, pid }) => worker === victim.worker && pid !== victim.pid),
    PATIENCE_MS,
  );
  assert.equal(successor.epoch, 1);
  assert.equal((await proxy.ask('GET', '/ready')).status, 200);
  // Idle, it gets the next ones.
  const more = await startTalking(t, { address, ca: proxy.process.caPem, count: 3 });
  await eventually('the new worker carries streams', async () =>
    (await proxy.workers()).some(({ pid, streams: carried }) => pid === successor.pid && carried > 0),
  );
  assert.equal(ended().length, victim.streams, 'nobody else was cut off');
  await wantGoodEnd([...streams.filter(({ code }) => code === undefined), ...more]);
});

test('what workers have diagnosed outlives them, although nobody had asked before they were killed', async (t) => {
  const proxy = await started(t);
  const port = await proxy.process.port('tls');
  // The second refusal of a worker comes after the end of the turn of the first, at which that was told.
  for (let client = 0; client < 8; client++) await speakPlaintext(port);
  for (const round of ['first', 'second']) {
    const before = await proxy.workers();
    for (const { pid } of before) process.kill(pid, 'SIGKILL');
    await eventually(
      'others serve',
      async () => {
        const now = await proxy.workers();
        return (
          now.length === before.length &&
          now.every(({ pid, state }) => state === 'serving' && before.every((one) => one.pid !== pid))
        );
      },
      PATIENCE_MS,
    );
    const report = JSON.stringify((await proxy.ask('GET', '/api/diagnoses')).body);
    assert.match(report, /"counts":\{"FG1002":[1-9]/, round);
    assert.match(
      report,
      /"recent":\[\{"code":"FG1002","token":"http1_on_tls_port",.*"listener":"tls"/,
      round,
    );
  }
});

test('while no worker serves it is not ready, and clients that come meanwhile are served later', async (t) => {
  const proxy = await started(t);
  const port = await proxy.process.port('clear');
  const before = await proxy.workers();
  for (const { pid } of before) process.kill(pid, 'SIGKILL');
  const answer = await eventually('it is not ready', async () => {
    const ready = await proxy.ask('GET', '/ready');
    return ready.status === 503 && ready;
  });
  assert.deepEqual(answer.body, 'no worker serves');
  const client = connectVoiceClient({ address: `localhost:${port}` });
  t.after(() => client.close());
  const { code, details } = await client.say({ text: 'is anybody there?' }, { deadlineMs: PATIENCE_MS });
  assert.equal(code, status.OK, details);
  await eventually(
    'all serve again',
    async () => (await proxy.workers()).length === before.length,
    PATIENCE_MS,
  );
});

test('workers that die one after the other are started later each time, and it goes on', async (t) => {
  const proxy = await started(t);
  const firstPid = (await proxy.workers()).find(({ worker }) => worker === 1)?.pid ?? 0;
  let pid = firstPid;
  for (let death = 0; death < 3; death++) {
    process.kill(pid, 'SIGKILL');
    const dead = pid;
    pid = await eventually(
      'another one serves',
      async () => (await proxy.workers()).find((one) => one.worker === 1 && one.pid !== dead)?.pid,
      PATIENCE_MS,
    );
  }
  const waits = proxy.process
    .lines()
    .filter(({ msg }) => String(msg).startsWith('the worker ended soon after its start'));
  assert.deepEqual(
    waits.map(({ worker }) => worker),
    [1, 1],
  );
  const [first, second] = waits.map(({ delayMs }) => Number(delayMs));
  assert.ok(first >= 125 && first <= 250 && second >= 250 && second <= 500, `${first} ${second}`);
});

test('workers that all die at their start end the process with 70 and a reason', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-crash-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const crash = join(folder, 'crash.mjs');
  writeFileSync(crash, `if (process.argv[2] === 'worker') process.exit(9);\n`);
  const file = join(folder, 'config.yaml');
  writeFileSync(file, await proxyConfigText({ sections: { workers: 2 } }));
  const child = spawn(process.execPath, ['--import', crash, mainFile, 'serve', '-c', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  let complaint = '';
  child.stderr.on('data', (piece: Buffer) => {
    complaint += piece.toString();
  });
  await eventually('it gives up', () => child.exitCode !== null, PATIENCE_MS);
  assert.equal(child.exitCode, 70);
  assert.match(
    complaint,
    /5 workers in a row ended within a minute of their start, the last one by exit code 9/,
  );
});
