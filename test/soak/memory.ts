// What a process holds, read from /proc: resident memory and descriptors, and whether the memory grows.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const MIB = 1_048_576;

export function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1024;
}

export function descriptorCount(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** What the descriptors are, for a message. */
export function descriptors(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return `${fd} ${readlinkSync(`/proc/${pid}/fd/${fd}`)}`;
    } catch {
      return `${fd} gone`;
    }
  });
}

interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

export class MemoryTrend {
  readonly #samples: Sample[] = [];

  add(atMs: number, bytes: number): void {
    this.#samples.push({ atMs, bytes });
  }

  get lastMib(): number {
    return (this.#samples.at(-1)?.bytes ?? 0) / MIB;
  }

  get mostMib(): number {
    return Math.max(...this.#samples.map(({ bytes }) => bytes)) / MIB;
  }

  /**
   * The slope of a straight line through the samples from `fromMs` on. Of every half minute only the lowest counts:
   * what lies above it is garbage that was not collected
   * yet; whoever samples makes the process collect in every half minute.
   */
  mibPerTenMinutes(fromMs: number): number {
    const lowest = new Map<number, Sample>();
    for (const sample of this.#samples) {
      if (sample.atMs < fromMs) continue;
      const slot = Math.floor(sample.atMs / 30_000);
      if ((lowest.get(slot)?.bytes ?? Number.POSITIVE_INFINITY) > sample.bytes) lowest.set(slot, sample);
    }
    return (slope([...lowest.values()]) * 600_000) / MIB;
  }
}

/** Least squares; bytes for each millisecond. */
function slope(samples: readonly Sample[]): number {
  if (samples.length < 2) return 0;
  const meanMs = samples.reduce((sum, { atMs }) => sum + atMs, 0) / samples.length;
  const meanBytes = samples.reduce((sum, { bytes }) => sum + bytes, 0) / samples.length;
  let above = 0;
  let below = 0;
  for (const { atMs, bytes } of samples) {
    above += (atMs - meanMs) * (bytes - meanBytes);
    below += (atMs - meanMs) ** 2;
  }
  return above / below;
}
