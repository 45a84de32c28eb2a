// How long limits have held back something of one direction of a call. Where several limits hold back the same bytes, the time counts once.

/** Both directions of a call. Undefined where no limit can pace. */
export interface PacedTimes {
  readonly request: PacedTime | undefined;
  readonly response: PacedTime | undefined;
}

export class PacedTime {
  /** How many limits hold back something now. */
  #holding = 0;
  #sinceMs = 0;
  /** Of the times that are over. */
  #overMs = 0;

  /** One more limit holds back something. */
  begin(nowMs: number): void {
    if (this.#holding++ === 0) this.#sinceMs = nowMs;
  }

  /** A limit that has held back something does so no more. */
  end(nowMs: number): void {
    if (--this.#holding === 0) this.#overMs += nowMs - this.#sinceMs;
  }

  /** @returns whole milliseconds. Undefined if there is not even one */
  msAt(nowMs: number): number | undefined {
    const ms = Math.floor(this.#overMs + (this.#holding > 0 ? nowMs - this.#sinceMs : 0));
    return ms > 0 ? ms : undefined;
  }
}
