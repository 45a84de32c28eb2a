// How much memory this process may use, by the configuration and by the machine it runs on.

import type { CapacityConfig } from '../config/config.ts';
import { cgroupMemoryLimit } from './cgroup-memory.ts';

/** The kernel counts more than what is resident: its own buffers of sockets, and files that were read. */
const USABLE = 0.9;
/** A process needs about 105 MiB in the beginning. A limit that nobody has chosen must not refuse everybody from the start. */
const LEAST_BY_ITSELF_BYTES = 160 * 1_048_576;

/**
 * @param processes that share it
 * @returns undefined: there is no limit
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
  // A primary process needs some of it as well; but what processes share is counted in each of them, which is as much.
  return Math.max(LEAST_BY_ITSELF_BYTES, Math.floor((allowedBytes * USABLE) / processes));
}
