// What a process holds, read from /proc: resident memory and descriptors, and whether the memory grows.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const MIB = 1_048_576;
/** Of a stretch of time, by which it may be shorter than the others. */
const TOLERANCE = 0.1;

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
   * The slope of a straight line through the samples from `fromMs` on. Of every stretch of `stretchMs` only the lowest counts: what lies
   * above it is garbage that was not collected yet. Whoever samples makes the process collect in every stretch. One that is not
   * complete is left out, since two samples a moment apart say nothing about minutes.
   */
  mibPerTenMinutes(fromMs: number, stretchMs = 30_000): number {
    const lowest = new Map<number, Sample>();
    const untilMs = this.#samples.at(-1)?.atMs ?? 0;
    const stretches = Math.floor((untilMs - fromMs) / stretchMs + TOLERANCE);
    for (const sample of this.#samples) {
      const stretch = Math.floor((sample.atMs - fromMs) / stretchMs);
      if (stretch < 0 || stretch >= stretches) continue;
      if ((lowest.get(stretch)?.bytes ?? Number.POSITIVE_INFINITY) > sample.bytes)
        lowest.set(stretch, sample);
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
