// The path a Unix socket is bound to, asked of Linux by descriptor: Node knows the path only of sockets it has bound itself.

import { readFileSync, readlinkSync } from 'node:fs';

/** Undefined where the system does not tell. */
export function unixSocketPath(fd: number): string | undefined {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
    return inode === undefined ? undefined : pathOfInode(readFileSync('/proc/net/unix', 'utf8'), inode);
  } catch {
    return undefined;
  }
}

/** Columns of /proc/net/unix (proc(5)): Num RefCount Protocol Flags Type St Inode Path. A path may hold blanks. */
function pathOfInode(table: string, inode: string): string | undefined {
  for (const line of table.split('\n')) {
    const columns = /^\S+ \S+ \S+ \S+ \S+ \S+ +(\d+) (.+)$/.exec(line);
    if (columns !== null && columns[1] === inode) return columns[2];
  }
  return undefined;
}
