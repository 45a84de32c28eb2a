// Standard output that takes nothing: a pipe that nobody reads, a terminal that is stopped. Signals are passed on all the same, and the
// processes end. Ctrl-Z stops all processes of a proxy, and all go on.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { proxyConfigText } from '../support/proxy-under-test.ts';
import { descendantsOf, isStopped, noTerminal, runOnTerminal } from '../support/terminal.ts';

const mainFile = join(import.meta.dirname, '../../src/main.ts');
const PATIENCE_MS = 60_000;
const NOBODY = 65534;

interface Scene {
  readonly folder: string;
  readonly file: string;
  readonly argv: readonly string[];
  readonly admin: string;
}

async function sceneWith(t: TestContext, sections: object): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-console-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'config.yaml');
  const address = `127.0.0.1:${await freePort()}`;
  const listeners = [{ name: 'clear', address: '127.0.0.1:0' }];
  writeFileSync(
    file,
    await proxyConfigText({ sections: { workers: 1, listeners, admin: { address }, ...sections } }),
  );
  return {
    folder,
    file,
    argv: [process.execPath, mainFile, 'serve', '-c', file],
    admin: `http://${address}`,
  };
}

async function readiness({ admin }: Scene): Promise<string> {
  return fetch(`${admin}/ready`).then(
    (answer) => answer.text(),
    () => 'no answer',
  );
}

async function reloads({ admin }: Scene): Promise<{ readonly reloaded: number; readonly refused: number }> {
  const answer: { readonly reloads: { readonly reloaded: number; readonly refused: number } } = JSON.parse(
    await (await fetch(`${admin}/api/config`)).text(),
  );
  return answer.reloads;
}

async function exitCodeOf(child: ChildProcess): Promise<number | null> {
  await eventually('it ends', () => child.exitCode !== null || child.signalCode !== null, PATIENCE_MS);
  return child.exitCode;
}

/** Reloads by the signal, one after the other, and so writes more to the log. */
async function reloadBySignal(scene: Scene, pid: number, times: number): Promise<void> {
  for (let count = 0; count < times; count++) {
    const before = await reloads(scene);
    process.kill(pid, 'SIGHUP');
    const isDone = async (): Promise<boolean> => {
      const { reloaded, refused } = await reloads(scene);
      return reloaded + refused > before.reloaded + before.refused;
    };
    await eventually('the signal is passed on, and the configuration read again', isDone, PATIENCE_MS);
  }
}

/** @returns the writing end of a pipe that holds all it can, and that nobody reads */
function fullPipe(t: TestContext, folder: string): number {
  const path = join(folder, 'pipe');
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  t.after(() => closeSync(fd));
  const piece = Buffer.alloc(4096, '.');
  for (;;) {
    try {
      writeSync(fd, piece);
    } catch (error) {
      assert.ok(error instanceof Error && 'code' in error && error.code === 'EAGAIN');
      return fd;
    }
  }
}

for (const format of ['text', 'json'])
  test(`log.format: ${format}: a reader that does not read holds neither signals nor the end up`, async (t) => {
    const scene = await sceneWith(t, { log: { format } });
    const [program, ...argv] = scene.argv;
    const child = spawn(program, argv, { stdio: ['ignore', fullPipe(t, scene.folder), 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    await eventually('it serves', async () => (await readiness(scene)) === 'ok', START_TIMEOUT_MS);
    await reloadBySignal(scene, child.pid ?? 0, 2);
    child.kill('SIGTERM');
    assert.equal(await exitCodeOf(child), 0);
  });

for (const format of ['auto', 'json'])
  for (const workers of [1, 2]) {
    const what = `log.format: ${format}, workers: ${workers}`;
    test(`${what}: a stopped terminal holds neither signals nor the end up`, {
      skip: noTerminal,
    }, async (t) => {
      const scene = await sceneWith(t, { workers, log: { format }, drain: { delay: '1h' } });
      const terminal = await runOnTerminal(t, scene.argv);
      await terminal.has('framegate serves');
      await terminal.hold();
      await reloadBySignal(scene, terminal.pid, 3);
      process.kill(terminal.pid, 'SIGTERM');
      await eventually('it drains', async () => /draining/.test(await readiness(scene)), PATIENCE_MS);
      process.kill(terminal.pid, 'SIGTERM');
      assert.equal(await terminal.exit(), 1);
      assert.doesNotMatch(terminal.text(), /SIGTERM/);
    });
  }

test('a stopped terminal that cannot be opened once more holds no signal up, nor the end for long', {
  skip: noTerminal || (process.getuid?.() === 0 ? false : 'needs root, to run as another user'),
}, async (t) => {
  const scene = await sceneWith(t, {});
  for (const path of [scene.folder, scene.file]) chmodSync(path, 0o755);
  const terminal = await runOnTerminal(t, scene.argv, { userId: NOBODY });
  await terminal.has('framegate serves');
  const [proxy] = descendantsOf(terminal.pid);
  await terminal.hold();
  await reloadBySignal(scene, terminal.pid, 1);
  process.kill(terminal.pid, 'SIGTERM');
  assert.equal(await terminal.exit(), 256 - 9);
  assert.throws(() => process.kill(proxy, 0), { code: 'ESRCH' });
});

test('Ctrl-Z stops the proxy with its workers, and all go on with what prints', {
  skip: noTerminal,
}, async (t) => {
  const scene = await sceneWith(t, { workers: 2 });
  const terminal = await runOnTerminal(t, scene.argv);
  await terminal.has('framegate serves');
  const all = [terminal.pid, ...descendantsOf(terminal.pid)];
  assert.equal(all.length, 4);
  for (let round = 0; round < 2; round++) {
    terminal.type('\u001a');
    await eventually('all are stopped', () => all.every(isStopped), PATIENCE_MS);
    process.kill(terminal.pid, 'SIGCONT');
    await eventually('all go on', () => !all.some(isStopped), PATIENCE_MS);
    await reloadBySignal(scene, terminal.pid, 1);
  }
  terminal.type('\u0003');
  assert.equal(await terminal.exit(), 0);
});

test('where nobody could continue it, a stop by SIGTSTP stops nothing', async (t) => {
  const scene = await sceneWith(t, { log: { format: 'text' } });
  const [program, ...argv] = scene.argv;
  // In a session of its own it is like process 1 of a container: there is no shell.
  const child = spawn(program, argv, { stdio: ['ignore', 'ignore', 'inherit'], detached: true });
  t.after(() => child.kill('SIGKILL'));
  await eventually('it serves', async () => (await readiness(scene)) === 'ok', START_TIMEOUT_MS);
  child.kill('SIGTSTP');
  await reloadBySignal(scene, child.pid ?? 0, 1);
  child.kill('SIGTERM');
  assert.equal(await exitCodeOf(child), 0);
});

test('a proxy whose printing process has died before it came so far ends', async (t) => {
  const scene = await sceneWith(t, {});
  const [program, ...argv] = scene.argv;
  const child = spawn(program, [...argv, '--log-json'], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  t.after(() => child.kill('SIGKILL'));
  let shown = '';
  child.stdout?.on('data', (bytes: Buffer) => {
    shown += bytes.toString();
  });
  child.disconnect();
  assert.equal(await exitCodeOf(child), 0);
  const isTold = (): boolean => shown.includes('the process that prints the log is gone: stopping');
  await eventually('the log says why', isTold);
});
