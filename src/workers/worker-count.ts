// Decides how many processes carry calls.

import { availableParallelism } from 'node:os';
import type { Config } from '../config/config.ts';
import { cgroupMemoryLimit } from '../overload/cgroup-memory.ts';

/** The memory for one worker. An idle worker uses about 105 MiB, half of it shared with the others. The rest is for its clients. */
const MEMORY_OF_WORKER_BYTES = 160 * 1024 * 1024;

interface Machine {
  readonly cores: number;
  /** The memory limit of the control group. Undefined when there is none. */
  readonly memoryBytes: number | undefined;
}

/** With `auto`, one worker for each core, or fewer if the control group has too little memory. There is always at least one. */
export function workerCount(
  { workers }: Pick<Config, 'workers'>,
  machine: () => Machine = thisMachine,
): number {
  if (workers !== 'auto') return workers;
  const { cores, memoryBytes = Number.POSITIVE_INFINITY } = machine();
  return Math.max(1, Math.min(cores, Math.floor(memoryBytes / MEMORY_OF_WORKER_BYTES)));
}

function thisMachine(): Machine {
  return { cores: availableParallelism(), memoryBytes: cgroupMemoryLimit() };
}
