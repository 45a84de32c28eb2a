// Real servers of Redis for a test, out of Debian's packages, which are unpacked and not installed, so that no service starts.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';

/** What the server needs beside what every Debian has. */
const PACKAGES = [
  'redis-tools',
  'redis-server',
  'libjemalloc2',
  'liblua5.1-0',
  'liblzf1',
  'lua-cjson',
  'lua-bitop',
];
const LIBRARIES = 'usr/lib/x86_64-linux-gnu';

/** Puts redis-server and redis-cli into PATH. @returns why they cannot be had */
export function findRedis(): string | undefined {
  if (isThere('redis-server') && isThere('redis-cli')) return undefined;
  const folder = temporaryFolder();
  console.log('  unpacking redis-server ...');
  try {
    download(folder);
    execFileSync('sh', ['-c', 'for package in *.deb; do dpkg-deb --extract "$package" .; done'], {
      cwd: folder,
    });
  } catch (error) {
    return `redis-server could not be had by apt-get: ${error instanceof Error ? error.message : String(error)}`;
  }
  process.env['PATH'] = `${process.env['PATH']}:${join(folder, 'usr/bin')}`;
  process.env['LD_LIBRARY_PATH'] = `${process.env['LD_LIBRARY_PATH'] ?? ''}:${join(folder, LIBRARIES)}`;
  return isThere('redis-server') ? undefined : 'there is no redis-server in the package redis-server';
}

function download(folder: string): void {
  const get = (): void => {
    execFileSync('apt-get', ['download', '-qq', ...PACKAGES], { cwd: folder, stdio: 'ignore' });
  };
  try {
    get();
  } catch {
    execFileSync('apt-get', ['update', '-qq'], { stdio: 'ignore' });
    get();
  }
}

function isThere(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const running = new Set<ChildProcess>();
const folders: string[] = [];
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** It is gone when the run is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-stores-'));
  folders.push(folder);
  return folder;
}

/** @param settings further arguments of redis-server. @param file a file of settings, which it may write to */
export async function startRedis(
  port: number,
  settings: readonly string[] = [],
  file?: string,
): Promise<ChildProcess> {
  const folder = temporaryFolder();
  const own = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder];
  const child = spawn('redis-server', [...(file === undefined ? [] : [file]), ...own, ...settings], {
    stdio: 'ignore',
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

export interface ClusterNode {
  readonly port: number;
  readonly process: ChildProcess;
}

/** Three nodes; each has a third of the slots, in the order of the list. @param settings of each node */
export async function startCluster(settings: readonly string[] = []): Promise<readonly ClusterNode[]> {
  const nodes: ClusterNode[] = [];
  for (let node = 0; node < 3; node++) {
    const port = await freePort();
    // The bus of a node is at its port and 10,000 more, unless it is told another one.
    const bus = String(await freePort());
    const own = ['--cluster-enabled', 'yes', '--cluster-port', bus, ...settings];
    nodes.push({ port, process: await startRedis(port, own) });
  }
  await eventually('the nodes answer', () =>
    nodes.every(({ port }) => redisCli('-p', `${port}`, 'ping') !== undefined),
  );
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  const made = redisCli('--cluster', 'create', ...addresses, '--cluster-yes');
  if (made?.includes('All 16384 slots covered') !== true) throw new Error(made ?? 'redis-cli has failed');
  return nodes;
}

/** @returns the output, or undefined if the server did not answer */
export function redisCli(...words: readonly string[]): string | undefined {
  try {
    return execFileSync('redis-cli', [...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return undefined;
  }
}

export async function stopRedis(child: ChildProcess): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.once('exit', () => resolve());
  child.kill('SIGKILL');
  await promise;
}
