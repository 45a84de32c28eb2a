// The processes of a soak: Framegate, and a demo service that is killed and started again on the same port.

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';

const mainFile = join(import.meta.dirname, '../../src/main.ts');

export type LogLine = Readonly<Record<string, unknown>>;

/** `framegate serve`, its log read line by line. */
export class ProxyChild {
  readonly #child: ChildProcess;
  readonly #addresses = new Map<string, string>();
  #isServing = false;
  onRecord: (record: LogLine) => void = () => undefined;
  /** How many configurations were reloaded. */
  reloads = 0;
  /** How often something was warned of, by its token. */
  readonly warnings = new Map<string, number>();
  /** Lines of level error and above. */
  readonly complaints: string[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(configFile: string, nodeOptions: readonly string[] = []): Promise<ProxyChild> {
    const child = spawn(process.execPath, [...nodeOptions, mainFile, 'serve', '-c', configFile], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const proxy = new ProxyChild(child);
    if (child.stdout !== null)
      createInterface({ input: child.stdout }).on('line', (text) => proxy.#read(text));
    const isSettled = () => proxy.#isServing || proxy.hasExited;
    await eventually('framegate serves', isSettled, START_TIMEOUT_MS).catch((error: unknown) => {
      // Nobody else knows it, and this process would wait for it.
      child.kill('SIGKILL');
      throw error;
    });
    if (proxy.hasExited) throw new Error('framegate did not start');
    return proxy;
  }

  #read(text: string): void {
    const line: unknown = JSON.parse(text);
    if (typeof line !== 'object' || line === null) return;
    const fields: LogLine = { ...line };
    if (fields['msg'] === 'exchange finished') this.onRecord(fields);
    else if (fields['msg'] === 'listener is open')
      this.#addresses.set(String(fields['listener']), String(fields['address']));
    else if (fields['msg'] === 'admin server listens')
      this.#addresses.set('admin', String(fields['address']));
    else if (fields['msg'] === 'framegate serves') this.#isServing = true;
    else if (fields['msg'] === 'configuration reloaded') this.reloads++;
    if (Number(fields['level']) >= 40) {
      const what = String(fields['token'] ?? fields['msg']);
      this.warnings.set(what, (this.warnings.get(what) ?? 0) + 1);
    }
    if (Number(fields['level']) >= 50) this.complaints.push(text);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Of the admin server. */
  get adminAddress(): string {
    return this.#addresses.get('admin') ?? '';
  }

  port(listener: string): number {
    const address = this.#addresses.get(listener) ?? '';
    return Number(address.slice(address.lastIndexOf(':') + 1));
  }

  reload(): void {
    this.#child.kill('SIGHUP');
  }

  /** Where collect-garbage.ts was loaded in front. */
  collectGarbage(): void {
    this.#child.kill('SIGUSR2');
  }

  /** @returns the exit code */
  async stop(): Promise<number | string | null> {
    this.#child.kill('SIGTERM');
    await eventually('framegate ends', () => this.hasExited, START_TIMEOUT_MS);
    return this.#child.exitCode ?? this.#child.signalCode;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** `framegate demo`. */
export class ServiceChild {
  #child: ChildProcess | undefined = undefined;
  #address = '127.0.0.1:0';

  get port(): number {
    return Number(this.#address.slice(this.#address.lastIndexOf(':') + 1));
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [mainFile, 'demo', '--address', this.#address], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    let text = '';
    child.stdout?.on('data', (piece: Buffer) => {
      text += piece.toString();
    });
    this.#address = await eventually(
      'the service listens',
      () => /listens on (\S+)/.exec(text)?.[1],
      START_TIMEOUT_MS,
    );
  }

  /** At once, as a crash would. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }
}
