// A machine of its own for one server: a network namespace that a pair of virtual interfaces joins to this one. What passes between
// the two can be dropped without a word, as when a machine loses its power.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';

export interface MachineOptions {
  readonly name: string;
  /** From 0 to 63. Each machine of this network has a number of its own. */
  readonly number: number;
  readonly python: string;
  readonly delayMs: number;
}

const PORT = 50_051;

export class Machine {
  readonly name: string;
  /** Where its server listens. */
  readonly address: string;
  readonly #options: MachineOptions;
  readonly #namespace: string;
  readonly #outside: string;
  #server: ChildProcess | undefined = undefined;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.name = options.name;
    const { number } = options;
    this.#namespace = `fg-${process.pid}-${number}`;
    this.#outside = `fg${process.pid}v${number}`;
    const net = `10.213.${number}`;
    this.address = `${net}.2:${PORT}`;
    ip('netns', 'add', this.#namespace);
    ip('link', 'add', this.#outside, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.#namespace);
    ip('addr', 'add', `${net}.1/24`, 'dev', this.#outside);
    ip('link', 'set', this.#outside, 'up');
    ip('-n', this.#namespace, 'addr', 'add', `${net}.2/24`, 'dev', 'eth0');
    ip('-n', this.#namespace, 'link', 'set', 'eth0', 'up');
  }

  /** Why there can be no machines here. Undefined when there can. */
  static get missing(): string | undefined {
    if (process.getuid?.() !== 0) return 'network namespaces need root';
    const name = `fg-${process.pid}-try`;
    for (const command of [
      ['ip', 'netns', 'add', name],
      ['ip', 'netns', 'exec', name, 'iptables', '-L', '-n'],
    ]) {
      const tried = spawnSync(command[0], command.slice(1), { encoding: 'utf8' });
      if (tried.status === 0) continue;
      spawnSync('ip', ['netns', 'del', name]);
      return `\`${command.join(' ')}\` failed: ${tried.error?.message ?? tried.stderr.trim()}`;
    }
    ip('netns', 'del', name);
    return undefined;
  }

  async start(): Promise<void> {
    const { python, delayMs, name } = this.#options;
    const program = [python, join(import.meta.dirname, 'server.py')];
    const settings = ['--address', this.address, '--name', name, '--delay-ms', String(delayMs)];
    const server = spawn('ip', ['netns', 'exec', this.#namespace, ...program, ...settings], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    this.#server = server;
    let isListening = false;
    if (server.stdout !== null)
      createInterface({ input: server.stdout }).on('line', () => {
        isListening = true;
      });
    await eventually(`server ${name} listens`, () => isListening, START_TIMEOUT_MS);
  }

  setHealth(status: 'SERVING' | 'NOT_SERVING'): void {
    this.#server?.stdin?.write(`${status}\n`);
  }

  /** Drops every packet to and from the machine. */
  cut(): void {
    this.#inside('iptables', '-A', 'INPUT', '-j', 'DROP');
    this.#inside('iptables', '-A', 'OUTPUT', '-j', 'DROP');
  }

  join(): void {
    this.#inside('iptables', '-F');
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): void {
    this.#server?.kill(name);
  }

  /** @returns once the server's process has ended */
  async ended(): Promise<void> {
    const server = this.#server;
    const isOver = () => server === undefined || server.exitCode !== null || server.signalCode !== null;
    await eventually(`server ${this.name} ends`, isOver, START_TIMEOUT_MS);
  }

  async remove(): Promise<void> {
    this.signal('SIGCONT');
    this.signal('SIGKILL');
    await this.ended();
    ip('netns', 'del', this.#namespace);
  }

  #inside(...command: string[]): void {
    ip('netns', 'exec', this.#namespace, ...command);
  }
}

function ip(...args: string[]): void {
  const { status, error, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}
