// Runs `framegate serve` in an unusual environment: with few descriptors, another stdout or a module that is loaded first.
// proxy-process.ts is for the usual environment.

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { eventually, START_TIMEOUT_MS } from './eventually.ts';
import { freePort } from './free-port.ts';
import { type ProxySettings, proxyConfigText } from './proxy-under-test.ts';

const mainFile = join(import.meta.dirname, '../../src/main.ts');

export interface Surroundings extends ProxySettings {
  /** Shell text before `node`, such as `ulimit -n 64;`. */
  readonly shell?: string;
  /** A shell redirection of stdout, such as `>/dev/full` or `| true`. Without it, the lines of stdout are kept. */
  readonly redirection?: string;
  readonly nodeOptions?: readonly string[];
}

export class ChildProxy {
  /** The port of the plaintext listener. It was free just before. */
  readonly port: number;
  /** The file of its configuration. */
  readonly file: string;
  readonly #child: ChildProcess;
  #output = '';

  private constructor(child: ChildProcess, port: number, file: string) {
    this.#child = child;
    this.port = port;
    this.file = file;
    child.stdout?.on('data', (piece: Buffer) => {
      this.#output += piece.toString();
    });
  }

  static async start(t: TestContext, surroundings: Surroundings): Promise<ChildProxy> {
    const folder = mkdtempSync(join(tmpdir(), 'framegate-child-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const port = await freePort();
    const file = join(folder, 'config.yaml');
    const sections = {
      // One process, because tests look at the descriptors, the memory and the signals of this process.
      workers: 1,
      listeners: [{ name: 'clear', address: `127.0.0.1:${port}` }],
      ...surroundings.sections,
    };
    writeFileSync(file, await proxyConfigText({ ...surroundings, sections }));
    const { shell = '', redirection = '', nodeOptions = [] } = surroundings;
    const command = [process.execPath, ...nodeOptions, mainFile, 'serve', '-c', file].map(quoted).join(' ');
    const line = redirection.startsWith('|')
      ? `${shell} ${command} ${redirection}`
      : `${shell} exec ${command} ${redirection}`;
    const stdio: StdioOptions = ['ignore', redirection === '' ? 'pipe' : 'ignore', 'inherit'];
    // The child has its own process group, so that a shell that stays in front is killed together with what it runs.
    const child = spawn('sh', ['-c', line], { stdio, detached: true });
    const { pid } = child;
    t.after(() => {
      if (pid === undefined) return;
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // The process has ended already.
      }
    });
    const proxy = new ChildProxy(child, port, file);
    await eventually(
      'the proxy accepts connections',
      () => {
        if (proxy.hasExited) throw new Error(`the proxy ended at its start: ${proxy.#output}`);
        return isAccepting(port);
      },
      START_TIMEOUT_MS,
    );
    return proxy;
  }

  /** The id of the shell's process, which is the proxy itself unless its output goes into a pipe. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** @returns the lines of its log so far */
  lines(): readonly Readonly<Record<string, unknown>>[] {
    const whole = this.#output.slice(0, this.#output.lastIndexOf('\n') + 1);
    return whole
      .split('\n')
      .filter((text) => text !== '')
      .map((text): Readonly<Record<string, unknown>> => {
        const line: unknown = JSON.parse(text);
        return typeof line === 'object' && line !== null ? { ...line } : {};
      });
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async exit(): Promise<number | string | null> {
    await eventually('the process ends', () => this.hasExited, 30_000);
    return this.#child.exitCode ?? this.#child.signalCode;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function isAccepting(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host: '127.0.0.1', port });
  socket.once('connect', () => resolve(true));
  socket.once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}
