// How much memory another process has had at most, as Linux counts it.

import { readFileSync } from 'node:fs';

/** @returns KiB. 0 if the process is gone */
export function peakMemoryKiB(pid: number | undefined): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
