// How many descriptors the process may have, and how many clients that is enough for. Says nothing of how many are in use.

import { readFileSync } from 'node:fs';
import type { CapacityConfig } from '../config/config.ts';
import type { ConnectionCaps } from '../listeners/connection-limits.ts';

/** For listeners, the log, the configuration, certificates, DNS, the admin server and its clients. */
const RESERVED = 200;
/** Upstreams may need more than one connection for a client, as a service limits the streams of each. */
const USABLE = 0.8;
/** A client and an upstream. */
const DESCRIPTORS_PER_CLIENT = 2;
/** What most systems allow at least, where nobody says. */
const ASSUMED_OPEN_FILES = 1024;
const MOST_CONNECTIONS = 1_000_000;
const FEWEST_CONNECTIONS = 16;
/** One host must not take all places, and the addresses that mobile networks and companies share want many. */
const SHARE_OF_ADDRESS = 0.25;

/** @param limitsText of /proc/self/limits */
export function parseOpenFilesLimit(limitsText: string): number {
  const soft = /^Max open files\s+(\d+|unlimited)\s/m.exec(limitsText)?.[1];
  if (soft === 'unlimited') return Number.POSITIVE_INFINITY;
  return soft === undefined ? ASSUMED_OPEN_FILES : Number(soft);
}

/** Node raises its own limit as far as it may when it starts, so this is the hard one, mostly. */
export function readOpenFilesLimit(): number {
  try {
    return parseOpenFilesLimit(readFileSync('/proc/self/limits', 'latin1'));
  } catch {
    return ASSUMED_OPEN_FILES;
  }
}

/**
 * Of the whole proxy.
 * @param openFiles that each process may have
 * @param processes that carry connections
 */
export function connectionCaps(
  { connections, connectionsPerAddress }: Pick<CapacityConfig, 'connections' | 'connectionsPerAddress'>,
  openFiles: number,
  processes = 1,
): ConnectionCaps {
  const inAll = connections === 'auto' ? connectionsFor(openFiles) * processes : connections;
  return {
    connections: inAll,
    perAddress:
      connectionsPerAddress === 'auto' ? Math.ceil(inAll * SHARE_OF_ADDRESS) : connectionsPerAddress,
  };
}

/** Of one process. */
export function connectionsFor(openFiles: number): number {
  const places = Math.floor((USABLE * (openFiles - RESERVED)) / DESCRIPTORS_PER_CLIENT);
  return Math.min(MOST_CONNECTIONS, Math.max(FEWEST_CONNECTIONS, places));
}
