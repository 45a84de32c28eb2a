// How many processes carry calls. It starts none.

import { availableParallelism } from 'node:os';
import type { Config } from '../config/config.ts';
import { cgroupMemoryLimit } from '../overload/cgroup-memory.ts';

/** An idle worker takes about 105 MiB, half of it shared with the others; the rest is for its clients. */
const MEMORY_OF_WORKER_BYTES = 160 * 1024 * 1024;

interface Machine {
  readonly cores: number;
  /** Undefined: no less than the machine has. */
  readonly memoryBytes: number | undefined;
}

/** With `auto` one for each core, unless the control group has too little memory for so many; at least one. */
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
