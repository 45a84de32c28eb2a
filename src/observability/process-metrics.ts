// What this process uses of the machine, under the metric names of Prometheus' own client libraries. A figure that the platform
// does not provide is left out.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { counterFamily, gaugeFamily, type MetricFamily, single } from './metrics-snapshot.ts';

const OPEN_FILES = '/proc/self/fd';

/** What this process uses. The descriptors are undefined where the platform does not tell. */
export interface ProcessUse {
  /** User and system, since the start. */
  readonly cpuSeconds: number;
  readonly openFiles: number | undefined;
  readonly mostOpenFiles: number | undefined;
}

export function processUse(): ProcessUse {
  return { cpuSeconds: cpuSeconds(), openFiles: countOpenFiles(), mostOpenFiles: readMostOpenFiles() };
}

/** Processor time of this process, user and system. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

export function processMetrics(): readonly MetricFamily[] {
  const { cpuSeconds: seconds, openFiles, mostOpenFiles } = processUse();
  const families = [
    counterFamily('process_cpu_seconds_total', 'Processor time, user and system.', single(seconds)),
    gaugeFamily('process_resident_memory_bytes', 'Resident memory.', single(process.memoryUsage.rss())),
    gaugeFamily(
      'process_start_time_seconds',
      'When the oldest process was started, as seconds since 1970.',
      single(performance.timeOrigin / 1000),
      'min',
    ),
  ];
  if (openFiles !== undefined)
    families.push(gaugeFamily('process_open_fds', 'Open file descriptors.', single(openFiles)));
  if (mostOpenFiles !== undefined)
    families.push(
      gaugeFamily('process_max_fds', 'File descriptors there may be at most.', single(mostOpenFiles)),
    );
  return families;
}

/** Since Linux 6.2 the size of the folder is the number of descriptors. On older kernels the size is 0 and the folder is read. */
function countOpenFiles(): number | undefined {
  try {
    const { size } = statSync(OPEN_FILES);
    return size > 0 ? size : readdirSync(OPEN_FILES).length;
  } catch {
    return undefined;
  }
}

function readMostOpenFiles(): number | undefined {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
