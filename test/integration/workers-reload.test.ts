// A change of the configuration or of a certificate reaches all workers or none, and no stream on any of them notices.

import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { status } from '../../src/demo/grpc.ts';
import { testCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { startServiceProcess } from '../support/proxy-process.ts';
import {
  clearListener,
  type ReloadingProxy,
  startReloadingProxy,
  tlsListener,
} from '../support/reloading-proxy.ts';
import { startTalking, wantGoodEnd } from '../support/talking-streams.ts';
import { connectVoiceClient } from '../support/voice-client.ts';

const RELOADS = 10;
const WORKERS = 2;
const PATIENCE_MS = 60_000;

async function started(
  t: TestContext,
  sections: Readonly<Record<string, unknown>> = {},
): Promise<ReloadingProxy> {
  const service = await startServiceProcess(t);
  return startReloadingProxy(t, {
    workers: WORKERS,
    upstreams: { voice: { endpoints: [service.address] } },
    ...sections,
  });
}

async function epochs(proxy: ReloadingProxy): Promise<readonly number[]> {
  return (await proxy.workers()).map(({ epoch }) => epoch);
}

/** The names of the certificates that so many new connections get, which are those of all workers. */
async function namesShown(proxy: ReloadingProxy, connections: number): Promise<readonly string[]> {
  const port = await proxy.process.port('tls');
  const sockets = Array.from({ length: connections }, () =>
    connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] }),
  );
  const names = sockets.map(
    (socket) =>
      new Promise<string>((resolve, reject) => {
        socket.once('secureConnect', () => resolve(socket.getPeerCertificate().subjectaltname ?? ''));
        socket.once('error', reject);
      }),
  );
  const shown = await Promise.all(names);
  // Only now: as long as they are open, the next one goes to another worker.
  for (const socket of sockets) socket.destroy();
  return shown;
}

function replace(folder: string, name: string, content: string): void {
  writeFileSync(join(folder, `${name}.new`), content);
  renameSync(join(folder, `${name}.new`), join(folder, name));
}

test(`streams in every worker outlive ${RELOADS} reloads, valid and broken by turns, and a new certificate`, async (t) => {
  const proxy = await started(t, { reload: { certificates: '100ms' } });
  const address = `localhost:${await proxy.process.port('tls')}`;
  const streams = await startTalking(t, { address, ca: proxy.process.caPem, count: 8 });
  for (let reload = 1; reload <= RELOADS; reload++) {
    proxy.write({ routes: [{ name: 'all', match: { path: '/*' }, upstream: 'nowhere' }] });
    const refused = await proxy.reload();
    assert.equal(refused.status, 422);
    assert.match(refused.body.problems[0], /config\.yaml:\d+:\d+ routes\[0\]\.upstream/);
    const routes = [{ name: `all-${reload}`, match: { path: '/*' }, upstream: 'voice' }];
    proxy.write({ routes, limits: { headerFields: 100 + reload } });
    const answer = await proxy.reload();
    assert.deepEqual([answer.status, answer.body.epoch], [200, reload + 1]);
    assert.deepEqual(await epochs(proxy), [reload + 1, reload + 1]);
  }
  const { olderEpochs } = await proxy.state();
  assert.deepEqual(
    olderEpochs.map(({ epoch, exchanges }) => [epoch, exchanges]),
    [[1, streams.length]],
  );
  const renewed = await testCertificate('renewed.example', 'localhost');
  replace(proxy.folder, 'server.crt', renewed.certPem);
  replace(proxy.folder, 'server.key', renewed.keyPem);
  await proxy.line('certificate reloaded');
  const names = await namesShown(proxy, 2 * WORKERS);
  assert.ok(
    names.every((name) => name.includes('renewed.example')),
    names.join(),
  );
  const said = proxy.process.lines().filter(({ msg }) => String(msg).startsWith('certificate reloaded'));
  assert.equal(said.length, 1, 'the log has it once, not once for each worker');
  await wantGoodEnd(streams);
});

test('a certificate that only its reader can refuse is refused with its place, and no worker uses it', async (t) => {
  const proxy = await started(t);
  const port = await proxy.process.port('tls');
  // Valid as a file; its key belongs to another certificate, which shows when it is put together.
  const other = await testCertificate('other.example');
  replace(proxy.folder, 'other.key', other.keyPem);
  proxy.write({
    listeners: [
      { ...tlsListener, tls: { certificates: [{ cert: 'server.crt', key: 'other.key' }] } },
      { ...clearListener, name: 'renamed' },
    ],
  });
  const { status: httpStatus, body } = await proxy.reload();
  assert.equal(httpStatus, 422);
  assert.match(body.problems.join('\n'), /config\.yaml:\d+:\d+ listeners\[0\]\.tls/);
  assert.deepEqual(await epochs(proxy), [1, 1]);
  const client = connectVoiceClient({ address: `localhost:${port}`, ca: proxy.process.caPem });
  t.after(() => client.close());
  assert.equal((await client.say({ text: 'the old one' })).code, status.OK);
});

test('listeners come and go in all workers at once; the one that stays keeps its socket', async (t) => {
  const proxy = await started(t);
  const clear = await proxy.process.address('clear');
  const added = `unix:${join(proxy.folder, 'added.sock')}`;
  const tlsPort = await proxy.process.port('tls');
  proxy.write({ listeners: [clearListener, { name: 'added', address: added }] });
  assert.equal((await proxy.reload()).status, 200);
  for (const address of [clear, added]) {
    // As many clients at a time as to reach every worker.
    const clients = Array.from({ length: 2 * WORKERS }, () => connectVoiceClient({ address }));
    t.after(() => clients.forEach((client) => client.close()));
    const outcomes = await Promise.all(clients.map((client) => client.say({ text: 'hello' })));
    assert.deepEqual(
      outcomes.map(({ code }) => code),
      clients.map(() => status.OK),
      address,
    );
  }
  const tls = connectVoiceClient({
    address: `localhost:${tlsPort}`,
    ca: proxy.process.caPem,
  });
  t.after(() => tls.close());
  assert.equal((await tls.say({ text: 'too late' })).code, status.UNAVAILABLE);
});

test('a port that is taken keeps the old configuration in every worker, with the place in the file', async (t) => {
  const proxy = await started(t);
  const taken = await startServiceProcess(t);
  proxy.write({ listeners: [tlsListener, clearListener, { name: 'third', address: taken.address }] });
  const { status: httpStatus, body } = await proxy.reload();
  assert.equal(httpStatus, 422);
  assert.match(
    body.problems[0],
    /config\.yaml:1:\d+ listeners\[2\]\.address – .*something listens there already/,
  );
  assert.deepEqual(await epochs(proxy), [1, 1]);
});

test('another number of workers is for the next start, and the log says so', async (t) => {
  const proxy = await started(t);
  proxy.write({ workers: 3 });
  const { status: httpStatus, body } = await proxy.reload();
  assert.deepEqual([httpStatus, body.epoch], [200, 2]);
  const says = /workers – warning: takes effect when the service is started again: 2 now, 3 then$/;
  assert.equal(body.warnings.filter((warning) => says.test(warning)).length, 1);
  await proxy.line('takes effect when the service is started again');
  assert.deepEqual((await proxy.state()).warnings, body.warnings);
  assert.deepEqual(await epochs(proxy), [2, 2]);
  // It is still so after a reload that changes something else, and over with the number that runs.
  proxy.write({ workers: 3, limits: { headerFields: 99 } });
  assert.equal((await proxy.reload()).body.warnings.filter((warning) => says.test(warning)).length, 1);
  proxy.write({ workers: 2 });
  assert.deepEqual(
    (await proxy.reload()).body.warnings.filter((warning) => /workers/.test(warning)),
    [],
  );
});

test('a worker that dies while a new configuration is tried holds up nothing', async (t) => {
  const proxy = await started(t);
  const [victim] = await proxy.workers();
  // It cannot answer any more, and does not know that it is dead.
  process.kill(victim.pid, 'SIGSTOP');
  proxy.write({ limits: { headerFields: 99 } });
  const reloaded = proxy.reload();
  await new Promise((resolve) => setImmediate(resolve));
  process.kill(victim.pid, 'SIGKILL');
  const { status: httpStatus, body } = await reloaded;
  assert.deepEqual([httpStatus, body.epoch], [200, 2]);
  const found = await eventually(
    'all workers have the new configuration',
    async () => {
      const all = await epochs(proxy);
      return all.length === WORKERS && all;
    },
    PATIENCE_MS,
  );
  assert.deepEqual(found, [2, 2]);
});
