// Finds the path of a bound Unix socket by its descriptor, in /proc: Node knows the path only of sockets that it has bound itself.

import { readFileSync, readlinkSync } from 'node:fs';

/** @returns undefined if the system does not provide the path */
export function unixSocketPath(fd: number): string | undefined {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
    return inode === undefined ? undefined : pathOfInode(readFileSync('/proc/net/unix', 'utf8'), inode);
  } catch {
    return undefined;
  }
}

/** The columns of /proc/net/unix (proc(5)) are Num RefCount Protocol Flags Type St Inode Path. A path may contain spaces. */
function pathOfInode(table: string, inode: string): string | undefined {
  for (const line of table.split('\n')) {
    const columns = /^\S+ \S+ \S+ \S+ \S+ \S+ +(\d+) (.+)$/.exec(line);
    if (columns !== null && columns[1] === inode) return columns[2];
  }
  return undefined;
}
