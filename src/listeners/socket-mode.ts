// Who may connect to a unix socket: the mode of its file, from the moment there is one.

import { chmodSync } from 'node:fs';
import type { ListenerConfig } from '../config/config.ts';

/**
 * The system takes the umask away from 0777 when it makes the file, within the call of `listen`; with a chmod afterwards anybody
 * could have connected before it. The umask is the process's, so nothing may run in between: `listen` is synchronous.
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

/** Of a socket that stays open. Where its file is gone nobody can connect any more, and there is nothing to change. */
export function changeSocketMode(before: ListenerConfig, now: ListenerConfig): void {
  if (now.mode === undefined || now.mode === before.mode || now.address.kind !== 'unix') return;
  try {
    chmodSync(now.address.path, now.mode);
  } catch {
    // Removed by somebody, or not this user's any more.
  }
}
