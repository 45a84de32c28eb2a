// Walks the table of signals in docs/operating.md, in one process and with workers: each signal does what its row says, once
// and a second time. None of them opens Node's debugger, whenever it comes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { NODE_FLAGS } from '../../src/workers/node-flags.ts';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { ProxyProcess, startServiceProcess } from '../support/proxy-process.ts';
import { proxyConfigText, startDemo } from '../support/proxy-under-test.ts';
import { type ReloadingProxy, startReloadingProxy } from '../support/reloading-proxy.ts';
import { startTalking, wantGoodEnd } from '../support/talking-streams.ts';

const root = join(import.meta.dirname, '../..');
const mainFile = join(root, 'src/main.ts');
const PATIENCE_MS = 60_000;

/** What is sent, and shown to have been done, while the process goes on. */
type Walk = (proxy: ReloadingProxy, signal: NodeJS.Signals) => Promise<void>;

const STAYS: ReadonlyMap<NodeJS.Signals, Walk> = new Map<NodeJS.Signals, Walk>([
  ['SIGHUP', (proxy, signal) => twice(proxy, signal, 'configuration reloaded')],
  ['SIGUSR1', (proxy, signal) => twice(proxy, signal, 'SIGUSR1: there is no log file to open again')],
  ['SIGUSR2', replacesWorkers],
  ['SIGPIPE', doesNothing],
  ['SIGXFSZ', doesNothing],
  ['SIGWINCH', doesNothing],
  ['SIGCHLD', doesNothing],
  ['SIGURG', doesNothing],
  ['SIGCONT', doesNothing],
  ['SIGTSTP', stops],
  ['SIGSTOP', stops],
]);
const DRAINS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGQUIT'];
/** Held by workers-stop.test.ts and workers-death.test.ts. */
const ELSEWHERE: readonly string[] = ['SIGKILL'];
const WORKERS_IGNORE: readonly NodeJS.Signals[] = [...DRAINS, 'SIGHUP', 'SIGUSR1', 'SIGUSR2'];

function linesWith(proxy: ReloadingProxy, text: string): number {
  return proxy.process.lines().filter(({ msg }) => String(msg).includes(text)).length;
}

async function twice(proxy: ReloadingProxy, signal: NodeJS.Signals, text: string): Promise<void> {
  const before = linesWith(proxy, text);
  for (const count of [1, 2]) {
    // Another configuration each time, or there would be nothing to reload.
    proxy.write({ reload: { certificates: `${10 + before + count}s` } });
    proxy.process.signal(signal);
    await eventually(`${signal} is done`, () => linesWith(proxy, text) === before + count, PATIENCE_MS);
  }
}

async function pidsOfWorkers(proxy: ReloadingProxy): Promise<readonly number[]> {
  return (await proxy.workers()).map(({ pid }) => pid);
}

async function replacesWorkers(proxy: ReloadingProxy, signal: NodeJS.Signals): Promise<void> {
  const before = await pidsOfWorkers(proxy);
  if (before.length === 0) {
    await twice(proxy, signal, 'SIGUSR2: there are no workers to replace');
    return;
  }
  await twice(proxy, signal, 'workers replaced; those before end after their last call');
  assert.ok(!(await pidsOfWorkers(proxy)).some((pid) => before.includes(pid)), 'all are other processes');
}

async function doesNothing(proxy: ReloadingProxy, signal: NodeJS.Signals): Promise<void> {
  const before = await pidsOfWorkers(proxy);
  for (let count = 0; count < 2; count++) {
    proxy.process.signal(signal);
    assert.equal((await proxy.ask('GET', '/ready')).status, 200, signal);
  }
  assert.deepEqual(await pidsOfWorkers(proxy), before, signal);
}

async function stops(proxy: ReloadingProxy, signal: NodeJS.Signals): Promise<void> {
  for (let count = 0; count < 2; count++) proxy.process.signal(signal);
  if (signal === 'SIGTSTP' && isOrphaned(proxy.process.pid)) {
    assert.equal((await proxy.ask('GET', '/ready')).status, 200, 'the kernel has dropped the signal');
    return;
  }
  await eventually('it has stopped', () => /^State:\tT/m.test(procFile(proxy.process.pid, 'status')));
  const answer = proxy.ask('GET', '/ready');
  proxy.process.signal('SIGCONT');
  assert.equal((await answer).status, 200, signal);
}

interface Kinship {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
}

/**
 * Of a process group without a parent in another group of its session, who could let it go on: the kernel does not stop it by
 * SIGTSTP (POSIX.1 section 2.4.3). So it is with tests that are started in the background.
 */
function isOrphaned(pid: number): boolean {
  const all = new Map(readdirSync('/proc').flatMap((name) => kinshipOf(name)));
  const group = all.get(pid)?.group;
  return ![...all.values()].some((member) => {
    const parent = all.get(member.parent);
    return member.group === group && parent?.session === member.session && parent.group !== group;
  });
}

function kinshipOf(name: string): readonly (readonly [number, Kinship])[] {
  const pid = Number(name);
  if (!Number.isInteger(pid)) return [];
  try {
    const fields = procFile(pid, 'stat')
      .replace(/^.*\) /s, '')
      .split(' ')
      .map(Number);
    return [[pid, { pid, parent: fields[1], group: fields[2], session: fields[3] }]];
  } catch {
    // It has ended meanwhile.
    return [];
  }
}

function procFile(pid: number, name: string): string {
  return readFileSync(`/proc/${pid}/${name}`, 'utf8');
}

/** Ports at which a process listens itself. */
function listeningSockets(pid: number): number {
  const listening = new Set(
    ['net/tcp', 'net/tcp6']
      .flatMap((name) => procFile(pid, name).split('\n').slice(1))
      .map((line) => line.trim().split(/\s+/))
      .filter((columns) => columns[3] === '0A')
      .map((columns) => `socket:[${columns[9]}]`),
  );
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => listening.has(linkOf(pid, fd))).length;
}

function linkOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return '';
  }
}

async function started(t: TestContext, workers: number): Promise<ReloadingProxy> {
  const service = await startDemo(t);
  return startReloadingProxy(t, {
    workers,
    upstreams: { voice: { endpoints: [service.address] } },
    drain: { timeout: 'off' },
  });
}

test('the table of docs/operating.md has the signals that are tried here, and no others', () => {
  const text = readFileSync(join(root, 'docs/operating.md'), 'utf8');
  const rows = [...text.matchAll(/^\| (SIG[A-Z0-9, ]+) \|/gm)].flatMap(([, names]) => names.split(', '));
  assert.deepEqual(rows.toSorted(), [...STAYS.keys(), ...DRAINS, ...ELSEWHERE].toSorted());
});

for (const workers of [1, 2]) {
  const where = workers === 1 ? 'in one process' : 'with workers';

  test(`each signal that ends nothing does what its row says, ${where}, and no debugger opens`, async (t) => {
    const proxy = await started(t, workers);
    const sockets = listeningSockets(proxy.process.pid);
    for (const [signal, walk] of STAYS) await walk(proxy, signal);
    assert.equal(listeningSockets(proxy.process.pid), sockets, 'no port was opened');
    proxy.process.signal('SIGTERM');
    assert.equal(await proxy.process.exit(), 0);
  });

  for (const signal of DRAINS) {
    test(`${signal} lets running calls finish ${where}, ${workers === 1 ? 'and a second one ends at once' : 'and the exit code is 0'}`, async (t) => {
      const proxy = await started(t, workers);
      const address = `localhost:${await proxy.process.port('tls')}`;
      const streams = await startTalking(t, { address, ca: proxy.process.caPem, count: 2 });
      proxy.process.signal(signal);
      await proxy.line(`${signal}: stopping`);
      await proxy.line('draining');
      const messages = streams.map((stream) => stream.messages);
      await eventually('streams go on', () =>
        streams.every((stream, index) => stream.messages > messages[index] + 2),
      );
      if (workers === 1) {
        proxy.process.signal(signal === 'SIGTERM' ? 'SIGQUIT' : 'SIGTERM');
        await proxy.line('a second signal: the process ends now, and calls that run have no records');
        assert.equal(await proxy.process.exit(), 1);
      } else {
        await wantGoodEnd(streams);
        assert.equal(await proxy.process.exit(), 0);
      }
    });
  }
}

test('workers do nothing at the signals of the first process, and open no debugger', async (t) => {
  const proxy = await started(t, 2);
  const before = await pidsOfWorkers(proxy);
  for (const pid of before) {
    for (const flag of NODE_FLAGS)
      assert.ok(procFile(pid, 'cmdline').split('\0').includes(flag), `${flag} is given from the start`);
    for (const signal of WORKERS_IGNORE) for (let count = 0; count < 2; count++) process.kill(pid, signal);
  }
  // What came before this is done by now.
  for (let count = 0; count < 3; count++) assert.deepEqual(await pidsOfWorkers(proxy), before);
  for (const pid of before) assert.equal(listeningSockets(pid), 0, 'workers listen at nothing');
});

/** Sends SIGUSR1 as soon as Node would open its debugger for it, which is long before our first line. */
async function signalAtOnce(pid: number): Promise<void> {
  const isCaught = (): boolean => {
    const [, caught] = /^SigCgt:\t(\w+)/m.exec(procFile(pid, 'status')) ?? [];
    return (BigInt(`0x${caught}`) & (1n << 9n)) !== 0n;
  };
  await eventually('Node listens to SIGUSR1', isCaught, START_TIMEOUT_MS);
  process.kill(pid, 'SIGUSR1');
}

test('a SIGUSR1 that comes while Node starts leaves no debugger open', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-signals-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'config.yaml');
  writeFileSync(file, await proxyConfigText({ sections: { workers: 1 } }));
  const child = spawn(process.execPath, [mainFile, 'serve', '-c', file], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(() => child.kill('SIGKILL'));
  await signalAtOnce(child.pid ?? 0);
  const proxy = new ProxyProcess(child, '');
  const serves = (): boolean => proxy.lines().some(({ msg }) => msg === 'framegate serves');
  await eventually('it serves', serves, START_TIMEOUT_MS);
  const open = proxy.lines().filter(({ address }) => address !== undefined).length;
  assert.equal(listeningSockets(proxy.pid), open, 'only the ports of the log are open');
});

test('the demo service opens no debugger either', async (t) => {
  const service = await startServiceProcess(t);
  assert.equal(listeningSockets(service.pid), 1);
  process.kill(service.pid, 'SIGUSR1');
  const [, caught] = /^SigCgt:\t(\w+)/m.exec(procFile(service.pid, 'status')) ?? [];
  assert.ok((BigInt(`0x${caught}`) & (1n << 9n)) !== 0n, 'somebody listens to it');
  assert.equal(listeningSockets(service.pid), 1);
});

test('every file that starts Framegate by the name of Node shuts the debugger from the start', () => {
  const texts = ['deploy/systemd/framegate.service', 'Dockerfile'].map((file) => [file, NODE_FLAGS] as const);
  const programs = ['scripts/proxy-process.ts', 'scripts/build-sea.ts'].map(
    (file) => [file, ['NODE_FLAGS']] as const,
  );
  for (const [file, flags] of [...texts, ...programs])
    for (const flag of flags)
      assert.ok(readFileSync(join(root, file), 'utf8').includes(flag), `${file}: ${flag}`);
});
