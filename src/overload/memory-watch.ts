// Looks at the memory the process uses now and then, and says how short it is. What can be given back is given back
// before anybody is refused: a level is told only of memory that is still in use after that.

import { type MemoryLevel, memoryLevel } from './memory-pressure.ts';

/** A relief stops the process for some milliseconds, more with a large heap. */
const RELIEF_EVERY_MS = 10_000;
/** Where the last one brought little: what is used is really in use. */
const VAIN_RELIEF_EVERY_MS = 60_000;
const LEAST_WORTHWHILE = 0.02;
/** Where calls are refused, or soon would be: what was freed counts as used until it is collected. */
const URGENT_RELIEF_EVERY_MS = 2000;
/** At most a fiftieth of the time is spent on it. */
const PAUSE_PER_DURATION = 50;

export interface MemoryWatchParts {
  readonly usedBytes: () => number;
  /** Gives back what can be had again; `level` is the one that would be. @returns how many milliseconds that took */
  readonly relieve: (level: MemoryLevel) => number;
  readonly onLevel: (level: MemoryLevel, before: MemoryLevel) => void;
}

export interface MemoryReport {
  readonly level: MemoryLevel;
  readonly usedBytes: number;
  /** Undefined: none. */
  readonly limitBytes: number | undefined;
}

export class MemoryWatch {
  readonly #parts: MemoryWatchParts;
  #limitBytes: number | undefined = undefined;
  #level: MemoryLevel = 0;
  #relievedAtMs = Number.NEGATIVE_INFINITY;
  #reliefTookMs = 0;
  #wasWorthwhile = true;

  constructor(parts: MemoryWatchParts) {
    this.#parts = parts;
  }

  get level(): MemoryLevel {
    return this.#level;
  }

  get report(): MemoryReport {
    return {
      level: this.#level,
      usedBytes: this.#parts.usedBytes(),
      limitBytes: this.#limitBytes,
    };
  }

  /** Of this process; undefined: it is not watched, and whoever was refused is served again. Counts from the next look on. */
  set limitBytes(limitBytes: number | undefined) {
    this.#limitBytes = limitBytes;
    if (limitBytes === undefined) this.#change(0);
  }

  look(nowMs: number): void {
    const limitBytes = this.#limitBytes;
    if (limitBytes === undefined) return;
    const usedBytes = this.#parts.usedBytes();
    let level = memoryLevel(this.#level, usedBytes, limitBytes);
    if (level > 0 && nowMs - this.#relievedAtMs >= this.#pauseMs(level)) {
      this.#relievedAtMs = nowMs;
      this.#reliefTookMs = this.#parts.relieve(level);
      const leftBytes = this.#parts.usedBytes();
      this.#wasWorthwhile = usedBytes - leftBytes >= limitBytes * LEAST_WORTHWHILE;
      level = memoryLevel(this.#level, leftBytes, limitBytes);
    }
    this.#change(level);
  }

  #pauseMs(level: MemoryLevel): number {
    const isUrgent = level >= 2 || level > this.#level;
    const calmMs = this.#wasWorthwhile ? RELIEF_EVERY_MS : VAIN_RELIEF_EVERY_MS;
    const pauseMs = isUrgent ? URGENT_RELIEF_EVERY_MS : calmMs;
    return Math.max(pauseMs, this.#reliefTookMs * PAUSE_PER_DURATION);
  }

  #change(level: MemoryLevel): void {
    const before = this.#level;
    if (level === before) return;
    this.#level = level;
    this.#parts.onLevel(level, before);
  }
}
