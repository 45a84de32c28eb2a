// Limits log lines about events that are normal once and noise when repeated: a few equal lines in a minute are logged, and the next one
// after that says how many were left out. The memory for this is bounded.

const MINUTE_MS = 60_000;
const MOST_REMEMBERED = 4096;

interface Minute {
  beganMs: number;
  lines: number;
  leftOut: number;
}

export class LineBudget {
  /** By kind of line, those that began first at the front. */
  readonly #minutes = new Map<string, Minute>();
  readonly #linesInAMinute: number;

  /** @param linesInAMinute how many equal lines are logged in a minute */
  constructor(linesInAMinute: number) {
    this.#linesInAMinute = linesInAMinute;
  }

  /**
   * @param key the same for lines that are equal
   * @returns how many lines were left out before this one, or undefined if this one is to be left out
   */
  spend(key: string): number | undefined {
    const nowMs = performance.now();
    const known = this.#minutes.get(key);
    if (known !== undefined && nowMs - known.beganMs < MINUTE_MS) {
      if (known.lines < this.#linesInAMinute) {
        known.lines++;
        return 0;
      }
      known.leftOut++;
      return undefined;
    }
    // Deleted and set again, so that the order is that of the beginnings.
    this.#minutes.delete(key);
    this.#minutes.set(key, { beganMs: nowMs, lines: 1, leftOut: 0 });
    if (this.#minutes.size > MOST_REMEMBERED) this.#forgetOldest();
    return known?.leftOut ?? 0;
  }

  #forgetOldest(): void {
    for (const key of this.#minutes.keys()) {
      this.#minutes.delete(key);
      return;
    }
  }
}
