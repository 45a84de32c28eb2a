// SIGUSR2: new workers with the program as it lies on disk take over one after the other, and no stream notices.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { testCertificate } from '../support/certificates.ts';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { ProxyProcess } from '../support/proxy-process.ts';
import { proxyConfigText, startDemo } from '../support/proxy-under-test.ts';
import { startReloadingProxy } from '../support/reloading-proxy.ts';
import { startTalking, wantGoodEnd } from '../support/talking-streams.ts';
import { connectVoiceClient } from '../support/voice-client.ts';

const PATIENCE_MS = 60_000;
const root = join(import.meta.dirname, '../..');

test('SIGUSR2 replaces every worker, and streams in the old ones go on to their end', async (t) => {
  const service = await startDemo(t);
  const proxy = await startReloadingProxy(t, {
    workers: 2,
    upstreams: { voice: { endpoints: [service.address] } },
    drain: { timeout: 'off' },
  });
  const address = `localhost:${await proxy.process.port('tls')}`;
  const ca = proxy.process.caPem;
  const streams = await startTalking(t, { address, ca, count: 6 });
  const before = await proxy.workers();
  proxy.process.signal('SIGUSR2');
  const line = await eventually(
    'all are replaced',
    () => proxy.process.lines().find(({ msg }) => String(msg).startsWith('workers replaced')),
    PATIENCE_MS,
  );
  assert.equal(line['replaced'], 2);
  const after = await proxy.workers();
  assert.deepEqual(
    after.map(({ worker }) => worker),
    [1, 2],
  );
  assert.ok(after.every(({ pid }) => !before.some((old) => old.pid === pid)));
  const messages = streams.map((stream) => stream.messages);
  await eventually('all streams go on', () =>
    streams.every((stream, index) => stream.messages > messages[index] + 5),
  );
  const more = await startTalking(t, { address, ca, count: 4 });
  await eventually('new workers carry new streams', async () =>
    (await proxy.workers()).every(({ streams: carried }) => carried > 0),
  );
  await wantGoodEnd([...streams, ...more]);
  for (const { pid } of before) {
    await eventually(
      'the old worker has ended after its last call',
      () => proxy.process.lines().some((said) => said['workerPid'] === pid && said['how'] === 'exit code 0'),
      PATIENCE_MS,
    );
  }
});

test('where one process does everything SIGUSR2 ends nothing', async (t) => {
  const service = await startDemo(t);
  const upstreams = { voice: { endpoints: [service.address] } };
  const proxy = await startReloadingProxy(t, { workers: 1, upstreams });
  proxy.process.signal('SIGUSR2');
  await proxy.line('SIGUSR2: there are no workers to replace');
  const client = connectVoiceClient({ address: `localhost:${await proxy.process.port('clear')}` });
  t.after(() => client.close());
  assert.equal((await client.say({ text: 'still here' })).code, status.OK);
});

/** The program in a folder of its own, so that it can become another while it runs. */
async function startCopy(t: TestContext): Promise<{ readonly proxy: ProxyProcess; readonly source: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-copy-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(join(root, 'src'), join(folder, 'src'), { recursive: true });
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const service = await startDemo(t);
  const file = join(folder, 'config.yaml');
  writeFileSync(file, await proxyConfigText({ endpoints: [service.address], sections: { workers: 2 } }));
  const child = spawn(process.execPath, [join(folder, 'src/main.ts'), 'serve', '-c', file], {
    stdio: ['ignore', 'pipe', 'ignore'],
    // What is compiled here is used once.
    env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' },
  });
  t.after(() => child.kill('SIGKILL'));
  const { caPem } = await testCertificate('localhost', '127.0.0.1');
  const proxy = new ProxyProcess(child, caPem);
  await eventually(
    'the proxy serves',
    () => proxy.lines().some(({ msg }) => msg === 'framegate serves'),
    START_TIMEOUT_MS,
  );
  return { proxy, source: join(folder, 'src') };
}

const DEFECTS: readonly (readonly [
  what: string,
  file: string,
  find: string,
  replace: string,
  says: RegExp,
])[] = [
  [
    'another version of the messages',
    'workers/messages.ts',
    'PROTOCOL_VERSION = ',
    'PROTOCOL_VERSION = 900 + ',
    /it speaks version 9\d\d of what processes of Framegate say to each other, and this one \d+: restart the service/,
  ],
  [
    'a fault in its code',
    'workers/worker.ts',
    "send({ type: 'hello'",
    "no.such.thing({ type: 'hello'",
    /exit code/,
  ],
];

for (const [what, file, find, replacement, says] of DEFECTS) {
  test(`a new worker with ${what} leaves the old ones as they are`, async (t) => {
    const { proxy, source } = await startCopy(t);
    const address = `localhost:${await proxy.port('clear')}`;
    const streams = await startTalking(t, { address, count: 4 });
    const text = readFileSync(join(source, file), 'utf8');
    assert.ok(text.includes(find));
    writeFileSync(join(source, file), text.replace(find, replacement));
    proxy.signal('SIGUSR2');
    const line = await eventually(
      'it is told',
      () => proxy.lines().find(({ msg }) => String(msg).startsWith('the new worker cannot serve')),
      START_TIMEOUT_MS,
    );
    assert.match(String(line['msg']), says);
    await eventually('nobody was replaced', () => proxy.lines().some(({ replaced }) => replaced === 0));
    const more = await startTalking(t, { address, count: 2 });
    await wantGoodEnd([...streams, ...more]);
  });
}
