// Finds the process that holds a port on this machine, from /proc. A process of another user shows its name, but not its sockets.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

export interface PortHolder {
  readonly pid: number;
  /** The name and the arguments, cut. */
  readonly command: string;
  /** The name of its program: 'nginx'. */
  readonly program: string;
  /** The words of its command line, none if they cannot be read. */
  readonly words: readonly string[];
  /** Where it runs, '' if that cannot be read. */
  readonly folder: string;
}

const LISTEN = '0A';
const MOST_PROCESSES = 20_000;
const MOST_COMMAND_CHARACTERS = 120;

/** @returns undefined if nobody listens on the port, or /proc does not show who does */
export function findPortHolder(port: number): PortHolder | undefined {
  const inodes = new Set(['tcp', 'tcp6'].flatMap((table) => listeningInodes(table, port)));
  return inodes.size === 0 ? undefined : findOwner(inodes);
}

/** @returns whether somebody listens on the port, in any address family */
export function isPortListening(port: number): boolean {
  return ['tcp', 'tcp6'].some((table) => listeningInodes(table, port).length > 0);
}

function listeningInodes(table: string, port: number): readonly string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  return readLines(`/proc/net/${table}`).flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    return state === LISTEN && local.endsWith(`:${wanted}`) ? [inode] : [];
  });
}

function findOwner(inodes: ReadonlySet<string>): PortHolder | undefined {
  const links = new Set(Array.from(inodes, (inode) => `socket:[${inode}]`));
  for (const pid of list('/proc').slice(0, MOST_PROCESSES)) {
    if (!/^\d+$/.test(pid)) continue;
    const isOwner = list(`/proc/${pid}/fd`).some((fd) => links.has(linkOf(`/proc/${pid}/fd/${fd}`)));
    if (isOwner) return describe(pid);
  }
  return undefined;
}

function describe(pid: string): PortHolder {
  const words = (readLines(`/proc/${pid}/cmdline`)[0] ?? '').split('\0').filter((word) => word !== '');
  const name = readLines(`/proc/${pid}/comm`)[0] ?? '';
  return {
    pid: Number(pid),
    command: (words.length === 0 ? name : words.join(' ')).slice(0, MOST_COMMAND_CHARACTERS),
    // A process that sets its title begins it with its name: 'nginx: master process'.
    program: words.length === 0 ? name : basename(words[0].split(/[:\s]/, 1)[0]),
    words,
    folder: linkOf(`/proc/${pid}/cwd`),
  };
}

function readLines(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
