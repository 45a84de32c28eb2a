// How many clients there is room for, and what of the configuration does not go with what the process has and is: said when
// it is put to use, since `check` may run where other limits hold.

import type { Config } from '../config/config.ts';
import type { Finding } from '../config/problem.ts';
import type { LogFields } from '../observability/logger.ts';
import {
  connectionCaps,
  connectionsFor,
  readOpenFilesLimit,
  upstreamConnections,
} from '../overload/open-files.ts';

type Sized = Pick<Config, 'capacity' | 'upstreams'>;

/** A process uses 105 MiB or so before its first call, and refuses calls from 90 % of its limit on. */
const LEAST_MEMORY_BYTES = 128 * 1_048_576;

/** For the log. */
export interface ClientRoom {
  readonly fields: LogFields;
  /** `19768 clients at a time, 4942 of one address (…)`. */
  readonly room: string;
}

/** @param processes that carry calls */
export function clientRoom(config: Sized, processes: number, openFiles = readOpenFilesLimit()): ClientRoom {
  const { connections: clients, perAddress: clientsOfAddress } = connectionCaps(config, openFiles, processes);
  const fields = {
    clients,
    clientsOfAddress,
    openFiles,
    processes,
    upstreamConnections: upstreamConnections(config),
  };
  const ofAddress = clientsOfAddress === undefined ? '' : `, ${clientsOfAddress} of one address`;
  const why =
    config.capacity.connections === 'auto'
      ? `${openFiles} open files for each process; raise LimitNOFILE= or ulimit -Hn for more`
      : 'limits.connections';
  return { fields, room: `${clients} clients at a time${ofAddress} (${why})` };
}

/** A number of clients that the descriptors are not enough for. */
export function findLackOfRoom(
  config: Sized,
  processes: number,
  openFiles = readOpenFilesLimit(),
): readonly Finding[] {
  const { connections } = config.capacity;
  const possible = connectionsFor(config, openFiles) * processes;
  if (connections === 'auto' || connections <= possible) return [];
  const message = `the open files of this process (${openFiles}) are enough for ${possible} clients`;
  const hint = 'raise LimitNOFILE= or ulimit -Hn, or write auto';
  return [{ severity: 'warning', path: ['limits', 'connections'], at: 'value', message, hint }];
}

/** A limit that nobody could be served with. @param processes that share the memory */
export function findLackOfMemory(
  { capacity }: Pick<Config, 'capacity'>,
  processes: number,
): readonly Finding[] {
  const { memoryBytes } = capacity;
  if (memoryBytes === 'auto' || memoryBytes === undefined) return [];
  if (memoryBytes / processes >= LEAST_MEMORY_BYTES) return [];
  const message = `is too little for ${processes} process${processes === 1 ? '' : 'es'}: each uses about 105 MiB before its first call, and new calls are refused from 90 % of its part on`;
  const hint = `write ${128 * processes}MiB or more, or auto`;
  return [{ severity: 'warning', path: ['limits', 'memory'], at: 'value', message, hint }];
}

/** @param processes that run, and are as many until the service is started again */
export function findOtherWorkers(wanted: number, processes: number): readonly Finding[] {
  if (wanted === processes) return [];
  const message = `takes effect when the service is started again: ${processes} now, ${wanted} then`;
  return [{ severity: 'warning', path: ['workers'], at: 'value', message }];
}
