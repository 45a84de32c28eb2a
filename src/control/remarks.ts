// Warnings about a configuration that only a running proxy can give: they depend on its resources, and on how it was started.

import type { Config } from '../config/config.ts';
import type { LogConfig } from '../config/log-config.ts';
import type { Finding } from '../config/problem.ts';
import { findLackOfMemory, findLackOfRoom } from './client-room.ts';

/** What a reload cannot change. */
export interface Started {
  /** How many processes carry calls. */
  readonly carriers: number;
  readonly log: LogConfig;
}

/** @param wantedProcesses how many would carry calls if the service were started with this configuration */
export function findRemarks(config: Config, wantedProcesses: number, started: Started): readonly Finding[] {
  const { carriers } = started;
  return [
    ...findOtherWorkers(wantedProcesses, carriers),
    ...findOtherLog(config.log, started.log),
    ...findLackOfRoom(config, carriers),
    ...findLackOfMemory(config, carriers),
  ];
}

/** Warns that the number of workers changes only at the next start. @param processes how many processes carry calls now */
export function findOtherWorkers(wanted: number, processes: number): readonly Finding[] {
  if (wanted === processes) return [];
  const message = `takes effect when the service is started again: ${processes} now, ${wanted} then`;
  return [{ severity: 'warning', path: ['workers'], at: 'value', message }];
}

/** Warns that the log goes on where it goes until the next start. */
export function findOtherLog(wanted: LogConfig, started: LogConfig): readonly Finding[] {
  return [
    ...findOther('file', placeOf(started), placeOf(wanted)),
    ...findOther('format', started.format, wanted.format),
  ];
}

function placeOf({ file = 'standard output' }: LogConfig): string {
  return file;
}

function findOther(key: keyof LogConfig, now: string, then: string): readonly Finding[] {
  if (now === then) return [];
  const message = `takes effect when the service is started again: ${now} now, ${then} then`;
  return [{ severity: 'warning', path: ['log', key], at: 'value', message }];
}
