// Computes how much memory this process may use, from the configuration and the machine.

import type { CapacityConfig } from '../config/config.ts';
import { cgroupMemoryLimit } from './cgroup-memory.ts';

/** The usable part of a cgroup's limit. The kernel counts more than resident memory: socket buffers and cached files. */
const USABLE = 0.9;
/** The minimum of an automatic limit. A process needs about 105 MiB at start, and a limit that nobody chose must not refuse all calls. */
const LEAST_BY_ITSELF_BYTES = 160 * 1_048_576;

/**
 * @param processes the number of processes that share the memory
 * @returns the limit of each process in bytes, or undefined if there is none
 */
export function memoryLimit(
  memoryBytes: CapacityConfig['memoryBytes'],
  processes: number,
  cgroupLimit: () => number | undefined = cgroupMemoryLimit,
): number | undefined {
  if (memoryBytes !== 'auto')
    return memoryBytes === undefined ? undefined : Math.floor(memoryBytes / processes);
  const allowedBytes = cgroupLimit();
  if (allowedBytes === undefined) return undefined;
  // A primary process also needs memory. That is compensated, because memory that processes share is counted in each of them.
  return Math.max(LEAST_BY_ITSELF_BYTES, Math.floor((allowedBytes * USABLE) / processes));
}
