// When an endpoint may be tried again after a failure, as gRPC's connection backoff has it: 1 s, then 1.6 times as
// long each time up to 120 s, each spread by a fifth either way so that many proxies do not come at once. While calls
// come and are turned away, the wait is never longer than a second: they are the reason to look again.

const INITIAL_MS = 1000;
const FACTOR = 1.6;
const LARGEST_MS = 120_000;
const JITTER = 0.2;
const LONGEST_WITH_DEMAND_MS = 1000;

export class Backoff {
  readonly #random: () => number;
  #failures = 0;
  #failedAtMs = 0;
  #delayMs = 0;
  #hasDemand = false;

  /** @param random as Math.random */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** An attempt to connect has failed, or a connection broke before its SETTINGS came. */
  fail(nowMs: number): void {
    const base = Math.min(INITIAL_MS * FACTOR ** this.#failures, LARGEST_MS);
    this.#failures++;
    this.#failedAtMs = nowMs;
    this.#delayMs = base * (1 - JITTER + 2 * JITTER * this.#random());
    this.#hasDemand = false;
  }

  /** SETTINGS were received. */
  succeed(): void {
    this.#failures = 0;
    this.#delayMs = 0;
  }

  /** A call wanted this endpoint and was turned away. */
  noteDemand(): void {
    this.#hasDemand = true;
  }

  /** Milliseconds until the next attempt is allowed; 0 when it is. */
  remainingMs(nowMs: number): number {
    if (this.#failures === 0) return 0;
    const delay = this.#hasDemand ? Math.min(this.#delayMs, LONGEST_WITH_DEMAND_MS) : this.#delayMs;
    return Math.max(0, this.#failedAtMs + delay - nowMs);
  }
}
