// A machine of its own for a service: a network namespace behind a pair of virtual interfaces, whose packets can be dropped as by a
// machine without power. Needs root and iproute2.

import { spawnSync } from 'node:child_process';
import { installDebianPackages } from './interpreters.ts';

/** What is dropped goes without an answer of any kind: no FIN, no RST, no ICMP. */
const DROPPED = [
  ['INPUT', '-j', 'DROP'],
  ['OUTPUT', '-j', 'DROP'],
] as const;

export class FarMachine {
  /** The address of the machine, as this one reaches it. */
  readonly address: string;
  readonly #name: string;
  readonly #link: string;

  private constructor(name: string, link: string, address: string) {
    this.#name = name;
    this.#link = link;
    this.address = address;
  }

  /** @returns why there can be none, as a text, where this machine lacks what it takes */
  static create(): FarMachine | string {
    if (process.getuid?.() !== 0) return 'network namespaces need root';
    installDebianPackages(['iproute2', 'iptables'], () => undefined);
    const { pid } = process;
    const network = `10.231.${pid & 0xff}`;
    const machine = new FarMachine(`framegate-${pid}`, `fg${pid}`, `${network}.2`);
    const complaint = machine.#setUp(`${network}.1`);
    if (complaint === undefined) return machine;
    machine.remove();
    return complaint;
  }

  #setUp(near: string): string | undefined {
    const [name, link] = [this.#name, this.#link];
    const far = `${link}f`;
    return (
      ip('netns', 'add', name) ??
      ip('link', 'add', link, 'type', 'veth', 'peer', 'name', far) ??
      ip('link', 'set', far, 'netns', name) ??
      ip('addr', 'add', `${near}/30`, 'dev', link) ??
      ip('link', 'set', link, 'up') ??
      ip('-n', name, 'addr', 'add', `${this.address}/30`, 'dev', far) ??
      ip('-n', name, 'link', 'set', far, 'up') ??
      ip('-n', name, 'link', 'set', 'lo', 'up') ??
      this.#filter('-L')
    );
  }

  /** The command that runs a program there. */
  command(program: string, args: readonly string[]): { readonly command: string; readonly args: string[] } {
    return { command: 'ip', args: ['netns', 'exec', this.#name, program, ...args] };
  }

  dropPackets(): void {
    for (const rule of DROPPED) this.#must(this.#filter('-A', ...rule));
  }

  letPacketsPass(): void {
    this.#must(this.#filter('-F'));
  }

  remove(): void {
    ip('link', 'del', this.#link);
    ip('netns', 'del', this.#name);
  }

  #filter(...args: readonly string[]): string | undefined {
    return ip('netns', 'exec', this.#name, 'iptables', '-w', ...args);
  }

  #must(complaint: string | undefined): void {
    if (complaint !== undefined) throw new Error(complaint);
  }
}

/** @returns what it complains of */
function ip(...args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status === 0) return undefined;
  return `ip ${args.join(' ')}: ${error?.message ?? stderr.trim()}`;
}
