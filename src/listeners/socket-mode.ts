// Who may connect to a unix socket: the mode of its file, from the moment the file exists.

import { chmodSync } from 'node:fs';
import type { ListenerConfig } from '../config/config.ts';

/**
 * Runs `listen` so that the socket's file gets this mode. The system subtracts the umask from 0777 when it creates the file,
 * during the call of `listen`; before a later chmod anyone could connect. The umask belongs to the whole process, so nothing else
 * may run in between: `listen` is synchronous.
 */
export function withSocketMode<T>(mode: number | undefined, listen: () => T): T {
  if (mode === undefined) return listen();
  const before = process.umask(0o777 & ~mode);
  try {
    return listen();
  } finally {
    process.umask(before);
  }
}

/**
 * Changes the mode of a socket that stays open. If its file is gone, no client can connect any more, and there is nothing to
 * change.
 */
export function changeSocketMode(before: ListenerConfig, now: ListenerConfig): void {
  if (now.mode === undefined || now.mode === before.mode || now.address.kind !== 'unix') return;
  try {
    chmodSync(now.address.path, now.mode);
  } catch {
    // The file was removed, or no longer belongs to this user.
  }
}
