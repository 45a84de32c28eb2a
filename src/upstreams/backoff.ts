// When an endpoint may be tried again after a failure, as in gRPC's connection backoff: after 1 s, then 1.6 times as long each
// time, up to 120 s. Each delay varies by a fifth either way, so that many proxies do not connect at once. While calls arrive and
// are refused, the delay is at most a second, because they are a reason to try again.

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

  /** @param random works like Math.random */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Notes that connecting has failed, or that a connection broke before its SETTINGS came. */
  fail(nowMs: number): void {
    const base = Math.min(INITIAL_MS * FACTOR ** this.#failures, LARGEST_MS);
    this.#failures++;
    this.#failedAtMs = nowMs;
    this.#delayMs = base * (1 - JITTER + 2 * JITTER * this.#random());
    this.#hasDemand = false;
  }

  /** Notes that connecting has succeeded, and ends the backoff. */
  succeed(): void {
    this.#failures = 0;
    this.#delayMs = 0;
  }

  /** Notes that a call wanted this endpoint and could not get it. */
  noteDemand(): void {
    this.#hasDemand = true;
  }

  /** Milliseconds until the next attempt is allowed, or 0 when it is allowed now. */
  remainingMs(nowMs: number): number {
    if (this.#failures === 0) return 0;
    const delay = this.#hasDemand ? Math.min(this.#delayMs, LONGEST_WITH_DEMAND_MS) : this.#delayMs;
    return Math.max(0, this.#failedAtMs + delay - nowMs);
  }
}
