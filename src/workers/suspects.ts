// Addresses by whose bytes a worker has died. For a while their connections are kept to one worker, so that it is the only one
// they can take down, and nobody is refused. It holds a bounded number of them, whatever comes.

/** After the last worker that died by them. */
export const SUSPECT_FOR_MS = 600_000;
const MOST_SUSPECTS = 1024;

export class Suspects {
  readonly #nowMs: () => number;
  /** Until when, by address. The one that was noted first is first. */
  readonly #untilMs = new Map<string, number>();

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Whether there is any. */
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
