// Checks the memory use of the process when asked and reports the level of pressure. It first frees what can be freed, and the
// level depends on the memory that is still in use after that, so clients are refused only if freeing does not help.

import { type MemoryLevel, memoryLevel } from './memory-pressure.ts';

/** The ordinary pause between two reliefs. A relief stops the process for some milliseconds, or longer with a large heap. */
const RELIEF_EVERY_MS = 10_000;
/** The pause after a relief that freed little, because the memory is really in use. */
const VAIN_RELIEF_EVERY_MS = 60_000;
/** The fraction of the limit that a relief must free to be worthwhile. */
const LEAST_WORTHWHILE = 0.02;
/** The pause while calls are refused or would soon be, because garbage counts as used until it is collected. */
const URGENT_RELIEF_EVERY_MS = 2000;
/** The pause is at least this many times as long as the last relief, so that reliefs take at most 2 % of the time. */
const PAUSE_PER_DURATION = 50;

export interface MemoryWatchParts {
  readonly usedBytes: () => number;
  /** Frees what can be rebuilt. `level` is the level without relief. @returns how many milliseconds it took */
  readonly relieve: (level: MemoryLevel) => number;
  readonly onLevel: (level: MemoryLevel, before: MemoryLevel) => void;
}

export interface MemoryReport {
  readonly level: MemoryLevel;
  readonly usedBytes: number;
  /** Undefined means there is no limit. */
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

  /** Sets the limit of this process, effective at the next look(). Undefined ends the watch, and clients are no longer refused. */
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
