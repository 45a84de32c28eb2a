// Reads how much memory the kernel allows this process: the smallest limit of its control groups, from its own up to the root,
// in version 2 and version 1. A file that cannot be read sets no limit.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

type ReadText = (path: string) => string | undefined;

/** Where each version is mounted. The second mount of version 2 is for systems that have both versions. */
const MOUNTS_V2 = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'];
const MOUNTS_V1 = ['/sys/fs/cgroup/memory'];
/** Values from here on mean "no limit", which version 1 writes as a number near 2^63. */
const NO_LIMIT_BYTES = 2 ** 60;

/** @returns the limit in bytes, or undefined if there is none */
export function cgroupMemoryLimit(read: ReadText = readOrNothing): number | undefined {
  const limits: number[] = [];
  for (const line of (read('/proc/self/cgroup') ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    const isV1 = controllers.split(',').includes('memory');
    if (isV1) limits.push(...limitsUpwards(read, MOUNTS_V1, path, 'memory.limit_in_bytes'));
    else if (controllers === '') limits.push(...limitsUpwards(read, MOUNTS_V2, path, 'memory.max'));
  }
  return limits.length === 0 ? undefined : Math.min(...limits);
}

/** In a container the path may be the host's and not exist here. The limit is then found at the root, which is the container's group. */
function limitsUpwards(read: ReadText, mounts: readonly string[], path: string, file: string): number[] {
  const limits: number[] = [];
  const steps = path.split('/').filter((step) => step !== '');
  for (let depth = steps.length; depth >= 0; depth--) {
    for (const mount of mounts) {
      const limit = parseLimit(read(join(mount, ...steps.slice(0, depth), file)));
      if (limit !== undefined) limits.push(limit);
    }
  }
  return limits;
}

function parseLimit(text: string | undefined): number | undefined {
  const digits = /^(\d{1,20})\s*$/.exec(text ?? '')?.[1];
  if (digits === undefined) return undefined;
  const bytes = Number(digits);
  return bytes > 0 && bytes < NO_LIMIT_BYTES ? bytes : undefined;
}

function readOrNothing(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
