// The processes that another one has started, as /proc shows them.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { eventually, START_TIMEOUT_MS } from './eventually.ts';

/** Why there are none here, or false: the `skip` of a test. */
export const noProcessTree = process.platform !== 'linux' && 'the processes of others are seen in /proc';

/** @returns the first child of a process, undefined if it has none now */
export function firstChildOf(pid: number): number | undefined {
  try {
    return Number.parseInt(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'), 10) || undefined;
  } catch {
    return undefined;
  }
}

export function childOf(pid: number): Promise<number> {
  return eventually(`${pid} has a child`, () => firstChildOf(pid), START_TIMEOUT_MS);
}

export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Whether the process has the end of a TCP connection (IPv4) that has this port. One that has ended has none. */
export function holdsConnection(pid: number, port: number): boolean {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  const columns = rows.map((row) => row.trim().split(/\s+/));
  // Others may have the port at another address, such as connections in TIME_WAIT, which have inode 0.
  const sockets = new Set(
    columns.flatMap(([, address, ...rest]) => (address?.endsWith(local) ? [`socket:[${rest[7]}]`] : [])),
  );
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).some((fd) => sockets.has(linkOf(`${folder}/${fd}`)));
  } catch {
    return false;
  }
}

function linkOf(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    // It was closed a moment ago.
    return '';
  }
}
