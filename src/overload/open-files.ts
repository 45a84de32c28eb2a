// Reads how many descriptors the process may have and computes how many clients that allows. Descriptors in use do not count.

import { readFileSync } from 'node:fs';
import type { CapacityConfig, Config } from '../config/config.ts';
import type { ConnectionCaps } from '../listeners/connection-limits.ts';

/** Descriptors for listeners, the log, files, DNS, the admin server, and clients that are being turned away. */
const RESERVED = 200;
/** Clients get at least this fraction of the rest: a client of an HTTP/1.1 service takes two descriptors while it is served. */
const LEAST_FOR_CLIENTS = 0.5;
/** Connections that take no more calls, after a reload or a GOAWAY, stay open until their last call ends, beside their successors. */
const GENERATIONS = 2;
/** How many endpoints an upstream is taken to have whose endpoints are discovered. */
const DISCOVERED = 4;
/** The limit where it cannot be read; most systems allow at least this many. */
const ASSUMED_OPEN_FILES = 1024;
const MOST_CONNECTIONS = 1_000_000;
const FEWEST_CONNECTIONS = 16;
/** The fraction of all connections for one address: one host must not take all, but mobile networks and companies share addresses. */
const SHARE_OF_ADDRESS = 0.25;

/** @param limitsText the content of /proc/self/limits */
export function parseOpenFilesLimit(limitsText: string): number {
  const soft = /^Max open files\s+(\d+|unlimited)\s/m.exec(limitsText)?.[1];
  if (soft === 'unlimited') return Number.POSITIVE_INFINITY;
  return soft === undefined ? ASSUMED_OPEN_FILES : Number(soft);
}

/**
 * Reads the soft limit. Each Node process raises its soft limit to the hard limit before any of our code runs. So if the limit is
 * too low, it is the hard limit (LimitNOFILE= of a unit, `ulimit -Hn`), which must be raised before the process starts.
 */
export function readOpenFilesLimit(): number {
  try {
    return parseOpenFilesLimit(readFileSync('/proc/self/limits', 'latin1'));
  } catch {
    return ASSUMED_OPEN_FILES;
  }
}

/** The part of the configuration that the number of clients depends on. */
export type Demand = Pick<Config, 'upstreams'> & {
  readonly capacity: Pick<CapacityConfig, 'connections' | 'connectionsPerAddress'>;
};

/**
 * Computes the limits of the whole proxy.
 * @param openFiles the number of descriptors each process may have
 * @param processes the number of processes that carry connections
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

/** @returns how many clients one process can serve and still have descriptors for its upstream connections */
export function connectionsFor(demand: Pick<Demand, 'upstreams'>, openFiles: number): number {
  const usable = openFiles - RESERVED;
  const places = Math.floor(Math.max(usable - upstreamConnections(demand), usable * LEAST_FOR_CLIENTS));
  return Math.min(MOST_CONNECTIONS, Math.max(FEWEST_CONNECTIONS, places));
}

/** @returns how many upstream connections one process can have open at a time */
export function upstreamConnections({ upstreams }: Pick<Demand, 'upstreams'>): number {
  return upstreams.reduce(
    (sum, { endpoints, discovery, connections }) =>
      sum + (discovery === undefined ? endpoints.length : DISCOVERED) * connections.max * GENERATIONS,
    0,
  );
}
