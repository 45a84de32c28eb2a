// An endpoint that is new or has come back gets few calls at first, so that it can fill its caches: its weight grows from a tenth to the
// whole in the time of `slowStart` (as in Envoy, with aggression 1 and a least weight of 10 %).

import type { Endpoint } from './endpoint.ts';

const LEAST_WARMTH = 0.1;
/** The weight grows in this many steps, but not more often than the interval says. */
const STEPS = 50;
const LEAST_INTERVAL_MS = 50;

export class SlowStart {
  readonly #windowMs: number;
  readonly #onWeights: () => void;
  readonly #onFault: (error: unknown) => void;
  readonly #since = new Map<Endpoint, number>();
  #timer: NodeJS.Timeout | undefined = undefined;

  /**
   * @param onWeights called when weights have changed
   * @param onFault receives what it throws within the timer. Must not throw
   */
  constructor(windowMs: number, onWeights: () => void, onFault: (error: unknown) => void) {
    this.#windowMs = windowMs;
    this.#onWeights = onWeights;
    this.#onFault = onFault;
  }

  /** Must be followed by a use of the new weight. */
  begin(endpoint: Endpoint, nowMs: number): void {
    this.#since.set(endpoint, nowMs);
    endpoint.warmth = LEAST_WARMTH;
    const intervalMs = Math.max(LEAST_INTERVAL_MS, this.#windowMs / STEPS);
    this.#timer ??= setInterval(this.#onTimer, intervalMs).unref();
  }

  readonly #onTimer = (): void => {
    try {
      this.step(performance.now());
    } catch (error) {
      this.#onFault(error);
    }
  };

  /** Raises the weights. Called by a timer while there are endpoints that start. */
  step(nowMs: number): void {
    for (const [endpoint, sinceMs] of this.#since) {
      endpoint.warmth = Math.min(1, Math.max(LEAST_WARMTH, (nowMs - sinceMs) / this.#windowMs));
      if (endpoint.warmth === 1) this.#since.delete(endpoint);
    }
    if (this.#since.size === 0) this.close();
    this.#onWeights();
  }

  /** Forgets endpoints that have left. */
  keepOnly(endpoints: ReadonlyMap<Endpoint, unknown>): void {
    for (const endpoint of this.#since.keys()) if (!endpoints.has(endpoint)) this.#since.delete(endpoint);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
