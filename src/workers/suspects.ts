// Remembers the addresses of clients whose data has ended a worker. For a while all their connections go to one worker, so that they can
// end no other worker and still are not refused. The number of remembered addresses is bounded.

/** How long a client is a suspect after the last worker it has ended. */
export const SUSPECT_FOR_MS = 600_000;
const MOST_SUSPECTS = 1024;

export class Suspects {
  readonly #nowMs: () => number;
  /** The end of each suspicion, by address. The oldest entry comes first. */
  readonly #untilMs = new Map<string, number>();

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Whether there is any suspect. */
  get isAny(): boolean {
    const nowMs = this.#nowMs();
    for (const [address, untilMs] of this.#untilMs) {
      if (untilMs > nowMs) return true;
      this.#untilMs.delete(address);
    }
    return false;
  }

  has(address: string | undefined): boolean {
    if (address === undefined || this.#untilMs.size === 0) return false;
    return (this.#untilMs.get(address) ?? 0) > this.#nowMs();
  }

  note(address: string): void {
    this.#untilMs.delete(address);
    this.#untilMs.set(address, this.#nowMs() + SUSPECT_FOR_MS);
    if (this.#untilMs.size <= MOST_SUSPECTS) return;
    const [oldest] = this.#untilMs.keys();
    this.#untilMs.delete(oldest);
  }
}
