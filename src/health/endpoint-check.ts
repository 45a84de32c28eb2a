// Checks one endpoint: when it is probed, when it counts as unhealthy or healthy again, and why. An endpoint is healthy until it is
// known to be unhealthy, so that a new one is used at once.

import type { HealthConfig } from '../config/upstream-config.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import type { Probe, ProbeEvents, ProbeFailure } from './probe.ts';

/** How much the time between two checks varies either way, so that endpoints are not all asked at one moment. */
const JITTER = 0.1;
/** While checks fail, they come this much faster, within these bounds. */
const FASTER = 10;
const LEAST_FAST_MS = 1000;
const MOST_FAST_MS = 10_000;

export const CHECK_RESULTS = ['passed', 'failed', 'timed_out'] as const;
export type CheckResult = (typeof CHECK_RESULTS)[number];

/** What is known of an endpoint, which a check with other settings takes over. */
export interface HealthState {
  /** Why the endpoint is unhealthy. Undefined while it is healthy, or nothing is known yet. */
  readonly reason: Diagnosis | undefined;
  /** Since when it is so. */
  readonly sinceEpochMs: number;
  readonly recoveries: number;
}

export interface CheckEvents {
  /** What is to be told of the endpoint has changed. @param isFlip whether it became unhealthy, or healthy again */
  onChanged(check: EndpointCheck, isFlip: boolean): void;
  onResult(result: CheckResult): void;
  /** The endpoint is asked in another way than before. */
  onMethod(check: EndpointCheck): void;
  /** A fault of ours. The endpoint is checked on. */
  onFault(error: unknown): void;
}

export interface CheckParts {
  /** The address as configured. */
  readonly endpoint: string;
  readonly config: HealthConfig;
  readonly makeProbe: (events: ProbeEvents) => Probe;
  readonly before: HealthState | undefined;
  readonly events: CheckEvents;
  /** Like Math.random. */
  readonly random?: () => number;
}

export class EndpointCheck implements ProbeEvents {
  readonly endpoint: string;
  readonly #config: HealthConfig;
  readonly #events: CheckEvents;
  readonly #random: () => number;
  readonly #probe: Probe;
  #state: HealthState;
  /** The results in a row that speak against the state. */
  #opposing = 0;
  /** Whether it was asked at all. */
  #isKnown = false;
  /** Whether the last check failed, or the connection was lost since. */
  #isSuspect = false;
  #isRunning = false;
  #isClosed = false;
  #beganAtMs = 0;
  #changedAtMs = Number.NEGATIVE_INFINITY;
  #toldMethod = '';
  /** Until the next check, or, while one runs, until it has taken too long. */
  #timer: NodeJS.Timeout | undefined = undefined;
  #dueAtMs = 0;

  /** Begins by itself, after a short while that differs from endpoint to endpoint. */
  constructor({ endpoint, config, makeProbe, before, events, random = Math.random }: CheckParts) {
    this.endpoint = endpoint;
    this.#config = config;
    this.#events = events;
    this.#random = random;
    this.#state = before ?? { reason: undefined, sinceEpochMs: Date.now(), recoveries: 0 };
    this.#isSuspect = before?.reason !== undefined;
    this.#probe = makeProbe(this);
    this.#checkAfter(Math.min(this.#fastMs, LEAST_FAST_MS) * random());
  }

  get state(): HealthState {
    return this.#state;
  }

  /** How the endpoint is asked. Undefined as long as it never was. */
  get method(): string | undefined {
    return this.#isKnown ? this.#probe.method : undefined;
  }

  /** When it is asked next. 0 while it is asked. */
  get nextInMs(): number {
    return Math.max(0, Math.round(this.#dueAtMs - performance.now()));
  }

  get #fastMs(): number {
    const { intervalMs } = this.#config;
    return Math.min(intervalMs, MOST_FAST_MS, Math.max(LEAST_FAST_MS, intervalMs / FASTER));
  }

  /** An error in the action is reported, and the endpoint is checked on. */
  #after(delayMs: number, action: () => void): NodeJS.Timeout {
    const contained = (): void => {
      try {
        action();
      } catch (error) {
        this.#events.onFault(error);
        this.#isRunning = false;
        this.#schedule();
      }
    };
    return setTimeout(contained, delayMs).unref();
  }

  readonly #begin = (): void => {
    this.#isRunning = true;
    this.#dueAtMs = 0;
    this.#beganAtMs = performance.now();
    this.#timer = this.#after(this.#config.timeoutMs, this.#timedOut);
    try {
      this.#probe.run();
    } catch (error) {
      // TLS files that cannot be read now, for example.
      this.onFailed({ predicate: `could not be asked: ${String(error)}`, isAnswer: false });
    }
  };

  readonly #timedOut = (): void => {
    const waitedFor = this.#probe.giveUp();
    this.#events.onResult('timed_out');
    const seconds = this.#config.timeoutMs / 1000;
    this.#settleFailure({
      predicate: `gave no answer in ${seconds} s (waiting for ${waitedFor})`,
      isAnswer: false,
    });
  };

  onPassed(): void {
    this.#contain(() => this.#passed());
  }

  onFailed(failure: ProbeFailure): void {
    this.#contain(() => {
      this.#events.onResult('failed');
      this.#settleFailure(failure);
    });
  }

  onLost(): void {
    this.#contain(() => this.#lost());
  }

  /** Probes tell what has happened from within events of sockets, out of which nothing may be thrown. */
  #contain(action: () => void): void {
    if (this.#isClosed) return;
    try {
      action();
    } catch (error) {
      this.#events.onFault(error);
    }
  }

  #passed(): void {
    // A stream may tell changes without end. To be out takes effect at once, to be in again with the next check.
    if (!this.#isRunning && this.#isJustChanged) {
      this.#checkWithin(LEAST_FAST_MS);
      return;
    }
    this.#events.onResult('passed');
    const { reason, recoveries } = this.#state;
    const isBack = reason !== undefined && ++this.#opposing >= this.#config.healthyAfter;
    if (isBack) this.#change(undefined, recoveries + 1);
    else if (reason === undefined) {
      this.#opposing = 0;
      if (this.#isSuspect) this.#change(undefined, recoveries + 1);
    }
    this.#isSuspect = this.#state.reason !== undefined;
    this.#settle();
  }

  #lost(): void {
    if (this.#isRunning) return;
    this.#isSuspect = true;
    // Many connections may be lost at once, when a machine goes away.
    const jitterMs = this.#fastMs * JITTER * this.#random();
    const sinceMs = performance.now() - this.#beganAtMs;
    this.#checkWithin(Math.max(0, this.#fastMs - sinceMs) + jitterMs);
  }

  /** Brings the next check forward, if it is later. */
  #checkWithin(delayMs: number): void {
    if (this.#dueAtMs > performance.now() + delayMs) this.#checkAfter(delayMs);
  }

  #checkAfter(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#dueAtMs = performance.now() + delayMs;
    this.#timer = this.#after(delayMs, this.#begin);
  }

  get #isJustChanged(): boolean {
    return performance.now() - this.#changedAtMs < LEAST_FAST_MS;
  }

  #settleFailure({ predicate, isAnswer, remedy }: ProbeFailure): void {
    this.#isSuspect = true;
    const { reason, recoveries } = this.#state;
    if (reason !== undefined) this.#opposing = 0;
    else if (++this.#opposing >= this.#config.unhealthyAfter || isAnswer) {
      const token = isAnswer ? 'health_not_serving' : 'health_check_failed';
      const count =
        isAnswer || this.#opposing === 1 ? '' : ` (${this.#opposing} checks in a row have failed)`;
      const advice = remedy === undefined ? '' : `: ${remedy}`;
      this.#change({ token, sentence: `${this.endpoint} ${predicate}${count}${advice}` }, recoveries);
    }
    this.#settle();
  }

  #change(reason: Diagnosis | undefined, recoveries: number): void {
    const isFlip = (reason === undefined) !== (this.#state.reason === undefined);
    const sinceEpochMs = isFlip ? Date.now() : this.#state.sinceEpochMs;
    this.#state = { reason, sinceEpochMs, recoveries };
    this.#opposing = 0;
    if (isFlip) this.#changedAtMs = performance.now();
    this.#events.onChanged(this, isFlip);
  }

  #settle(): void {
    this.#isKnown = true;
    if (this.#toldMethod !== this.#probe.method) {
      this.#toldMethod = this.#probe.method;
      this.#events.onMethod(this);
    }
    if (this.#isRunning) {
      this.#isRunning = false;
      this.#schedule();
    } else if (this.#isSuspect) this.#checkWithin(this.#fastMs);
  }

  /** A check that took long is followed by the next one at once while the endpoint is suspect. */
  #schedule(): void {
    const everyMs = this.#isSuspect ? this.#fastMs : this.#config.intervalMs;
    const jitter = 1 - JITTER + 2 * JITTER * this.#random();
    const tookMs = performance.now() - this.#beganAtMs;
    this.#checkAfter(Math.max(0, everyMs * jitter - tookMs));
  }

  /** May be called twice. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#probe.close();
  }
}
