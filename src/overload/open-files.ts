// How many descriptors the process may have, and how many clients that is enough for. Says nothing of how many are in use.

import { readFileSync } from 'node:fs';
import type { CapacityConfig, Config } from '../config/config.ts';
import type { ConnectionCaps } from '../listeners/connection-limits.ts';

/** For listeners, the log, the configuration, certificates, DNS, the admin server, clients that are being turned away. */
const RESERVED = 200;
/** Of what is left, clients have this at least: a client of an HTTP/1.1 service takes two descriptors while it is served. */
const LEAST_FOR_CLIENTS = 0.5;
/** Connections that take no more calls live until their last call ends: after a reload, or when a service goes away. */
const GENERATIONS = 2;
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

/**
 * The soft limit. Node raises its own to the hard one when it starts, in each process, before any line of ours runs: a limit that
 * is too low is the hard one (LimitNOFILE= of a unit, `ulimit -Hn`), which only who starts the process can raise.
 */
export function readOpenFilesLimit(): number {
  try {
    return parseOpenFilesLimit(readFileSync('/proc/self/limits', 'latin1'));
  } catch {
    return ASSUMED_OPEN_FILES;
  }
}

/** What a number of clients depends on. */
export type Demand = Pick<Config, 'upstreams'> & {
  readonly capacity: Pick<CapacityConfig, 'connections' | 'connectionsPerAddress'>;
};

/**
 * Of the whole proxy.
 * @param openFiles that each process may have
 * @param processes that carry connections
 */
export function connectionCaps(demand: Demand, openFiles: number, processes = 1): ConnectionCaps {
  const { connections, connectionsPerAddress } = demand.capacity;
  const inAll = connections === 'auto' ? connectionsFor(demand, openFiles) * processes : connections;
  return {
    connections: inAll,
    perAddress:
      connectionsPerAddress === 'auto' ? Math.ceil(inAll * SHARE_OF_ADDRESS) : connectionsPerAddress,
  };
}

/** Of one process, with descriptors enough for all connections that it may open to its upstreams. */
export function connectionsFor(demand: Pick<Demand, 'upstreams'>, openFiles: number): number {
  const usable = openFiles - RESERVED;
  const places = Math.floor(Math.max(usable - upstreamConnections(demand), usable * LEAST_FOR_CLIENTS));
  return Math.min(MOST_CONNECTIONS, Math.max(FEWEST_CONNECTIONS, places));
}

/** That one process can have open at a time. */
export function upstreamConnections({ upstreams }: Pick<Demand, 'upstreams'>): number {
  return upstreams.reduce(
    (sum, { endpoints, connections }) => sum + endpoints.length * connections.max * GENERATIONS,
    0,
  );
}
