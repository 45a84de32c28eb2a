// How many clients the process has room for, and which settings exceed the resources of the process. These warnings are given when a
// configuration is put to use and not by `check`, which may run where other limits apply.

import type { Config } from '../config/config.ts';
import { counted } from '../config/counted.ts';
import type { Finding } from '../config/problem.ts';
import type { LogFields, Logger } from '../observability/logger.ts';
import {
  connectionCaps,
  connectionsFor,
  readOpenFilesLimit,
  upstreamConnections,
} from '../overload/open-files.ts';

type Sized = Pick<Config, 'capacity' | 'upstreams'>;

/** A process uses about 105 MiB before its first call, and refuses new calls above 90 % of its limit. */
const LEAST_MEMORY_BYTES = 128 * 1_048_576;

/** For the log. */
export interface ClientRoom {
  readonly fields: LogFields;
  /** For example `19768 clients at a time, 4942 of one address (…)`. */
  readonly room: string;
  readonly clients: number;
  /** What the number comes from. */
  readonly reason: string;
}

/** @param processes how many processes carry calls */
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
  return {
    fields,
    room: `${counted(clients, 'client')} at a time${ofAddress} (${why})`,
    clients,
    reason: why,
  };
}

/** Says in the log how many clients there is room for: at the start, and when that changes by a tenth or for another reason. */
export class RoomLog {
  readonly #logger: Pick<Logger, 'info'>;
  #reason = '';
  #clients = 0;

  constructor(logger: Pick<Logger, 'info'>) {
    this.#logger = logger;
  }

  describe(config: Sized, processes: number, openFiles = readOpenFilesLimit()): void {
    const { fields, room, clients, reason } = clientRoom(config, processes, openFiles);
    // Each upstream more needs some descriptors, and takes the room of as many clients.
    const isNews = reason !== this.#reason || Math.abs(clients - this.#clients) * 10 >= this.#clients;
    if (!isNews) return;
    this.#reason = reason;
    this.#clients = clients;
    this.#logger.info(fields, `there is room for ${room}`);
  }
}

/**
 * With fewer open files a process is assumed to have them by mistake: 1024 is the default of shells and of many service managers, and
 * nobody chooses it for a proxy.
 */
const FEW_OPEN_FILES = 4096;

/**
 * Warns when limits.connections is higher than the open-files limit allows, or when `auto` has little to choose from. `processes` is how
 * many carry calls.
 */
export function findLackOfRoom(
  config: Sized,
  processes: number,
  openFiles = readOpenFilesLimit(),
): readonly Finding[] {
  const { connections } = config.capacity;
  const possible = connectionsFor(config, openFiles) * processes;
  if (connections === 'auto') return findFewOpenFiles(config, processes, openFiles);
  if (connections <= possible) return [];
  const message = `the open files of this process (${openFiles}) are enough for ${counted(possible, 'client')}`;
  const hint = 'raise LimitNOFILE= or ulimit -Hn, or write auto';
  return [{ severity: 'warning', path: ['limits', 'connections'], at: 'value', message, hint }];
}

function findFewOpenFiles(config: Sized, processes: number, openFiles: number): readonly Finding[] {
  if (openFiles >= FEW_OPEN_FILES) return [];
  const { connections, perAddress } = connectionCaps(config, openFiles, processes);
  const ofAddress = perAddress === undefined ? '' : `, ${perAddress} of one address`;
  const message = `the open files of this process (${openFiles}) are enough for ${counted(connections, 'client')} at a time${ofAddress}; all others are turned away (FG1045, FG1046)`;
  const hint =
    'raise LimitNOFILE= or ulimit -Hn to 65536 or more, or write how many connections there may be';
  return [{ severity: 'warning', path: ['limits', 'connections'], at: 'value', message, hint }];
}

/** Warns when limits.memory is too low to serve any client. @param processes how many processes share the memory */
export function findLackOfMemory(
  { capacity }: Pick<Config, 'capacity'>,
  processes: number,
): readonly Finding[] {
  const { memoryBytes } = capacity;
  if (memoryBytes === 'auto' || memoryBytes === undefined) return [];
  if (memoryBytes / processes >= LEAST_MEMORY_BYTES) return [];
  const message = `is too little for ${counted(processes, 'process')}: each uses about 105 MiB before its first call, and new calls are refused from 90 % of its part on`;
  const hint = `write ${128 * processes}MiB or more, or auto`;
  return [{ severity: 'warning', path: ['limits', 'memory'], at: 'value', message, hint }];
}
