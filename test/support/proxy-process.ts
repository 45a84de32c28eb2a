// Runs the proxy and the demo service as processes, for tests of signals, exit codes and crashes. A process that is started with
// a test context is killed when that test ends, if it still runs.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { testCertificate } from './certificates.ts';
import { eventually, START_TIMEOUT_MS } from './eventually.ts';
import { type ProxySettings, proxyConfigText } from './proxy-under-test.ts';

const mainFile = join(import.meta.dirname, '../../src/main.ts');

/** The number of workers on every machine: several, but not dozens, because many test files run at the same time. */
export const USUAL_WORKERS = 2;

export interface ServiceProcess {
  readonly pid: number;
  readonly address: string;
  /** Kills the process at once, as a crash would. */
  kill(): void;
}

/** Starts `framegate demo` on any free port. */
export async function startServiceProcess(test: TestContext): Promise<ServiceProcess> {
  const child = spawn(process.execPath, [mainFile, 'demo', '--address', '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  test.after(() => child.kill('SIGKILL'));
  const output = collectOutput(child);
  const address = await eventually(
    'the service process listens',
    () => /listens on (\S+)/.exec(output())?.[1],
    START_TIMEOUT_MS,
  );
  return { pid: child.pid ?? 0, address, kill: () => child.kill('SIGKILL') };
}

export class ProxyProcess {
  readonly caPem: string;
  readonly #child: ChildProcess;
  readonly #output: () => string;

  constructor(child: ChildProcess, caPem: string) {
    this.#child = child;
    this.caPem = caPem;
    this.#output = collectOutput(child);
  }

  /** @returns the lines of the log so far */
  lines(): readonly Readonly<Record<string, unknown>>[] {
    const text = this.#output();
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line !== '')
      .map(parseLine);
  }

  /** Resolves to the address of a listener, or of the admin server ('admin'), once it is open. */
  address(listener: string): Promise<string> {
    return eventually(`the listener ${listener} is open`, () => {
      const line = this.lines().find((candidate) =>
        listener === 'admin'
          ? candidate['msg'] === 'admin server listens'
          : candidate['listener'] === listener,
      );
      return typeof line?.['address'] === 'string' ? line['address'] : undefined;
    });
  }

  async port(listener: string): Promise<number> {
    const address = await this.address(listener);
    return Number(address.slice(address.lastIndexOf(':') + 1));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Resolves, when the process has ended, to its exit code or to the name of the signal that ended it. */
  async exit(): Promise<number | string | null> {
    await eventually('the proxy process ends', () => this.hasExited);
    return this.#child.exitCode ?? this.#child.signalCode;
  }
}

/** Starts `framegate serve` with the usual configuration, changed by `settings`. Resolves when the proxy serves. */
export async function startProxyProcess(test: TestContext, settings: ProxySettings): Promise<ProxyProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-process-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'config.yaml');
  const sections = { workers: USUAL_WORKERS, ...settings.sections };
  writeFileSync(file, await proxyConfigText({ ...settings, sections }));
  const { caPem } = await testCertificate('localhost', '127.0.0.1');
  const child = spawn(process.execPath, [mainFile, 'serve', '-c', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  test.after(() => child.kill('SIGKILL'));
  const proxy = new ProxyProcess(child, caPem);
  await eventually(
    'the proxy serves',
    () => proxy.lines().some(({ msg }) => msg === 'framegate serves'),
    START_TIMEOUT_MS,
  );
  return proxy;
}

function collectOutput(child: ChildProcess): () => string {
  let text = '';
  child.stdout?.setEncoding('utf8');
  child.stdout?.on('data', (piece: string) => {
    text += piece;
  });
  return () => text;
}

function parseLine(text: string): Readonly<Record<string, unknown>> {
  const line: unknown = JSON.parse(text);
  return typeof line === 'object' && line !== null ? { ...line } : {};
}
