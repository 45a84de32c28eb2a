// Decides whether the log on standard output is text for people, which another process makes (log-printer.ts), or JSON lines.

import type { LogConfig } from '../config/log-config.ts';
import { isReadOnce } from '../config/standard-input.ts';

/** The option by which a proxy knows that another process prints its log. */
export const PRINTED_OPTION = 'log-json';

/** @returns whether the log is to be text, and what keeps it from being so if the configuration asks for it */
export function wantsText(
  { format, file }: LogConfig,
  configFile: string,
): { readonly isText: boolean; readonly obstacle?: string } {
  if (format === 'json' || file !== undefined) return { isText: false };
  if (format === 'auto' && !process.stdout.isTTY) return { isText: false };
  const obstacle = obstacleFor(configFile);
  if (obstacle === undefined) return { isText: true };
  return format === 'auto' ? { isText: false } : { isText: false, obstacle };
}

function obstacleFor(configFile: string): string | undefined {
  if (isReadOnce(configFile)) return 'the configuration came by a pipe, which a second process cannot read';
  const { NOTIFY_SOCKET: notifySocket, LISTEN_FDS: sockets } = process.env;
  if (notifySocket === undefined && sockets === undefined) return undefined;
  return 'systemd watches this process, for which no other one can answer';
}
