// Keeps calls away from endpoints of one upstream that fail more than others, for a while that grows each time. It sees the calls of this
// process alone. It never ejects the last endpoint that can be used.

import type { OutliersConfig } from '../../config/upstream-config.ts';
import type { Endpoint } from '../endpoint.ts';
import { EndpointOutcomes, type OutcomeRules } from './endpoint-outcomes.ts';

/** As in gRFC A50, but from two endpoints: upstreams with few are the usual case. */
const WINDOW_MS = 10_000;
const LEAST_CALLS = 50;
const MOST_FAILED_PERCENT = 85;
const LONGEST_EJECTION_MS = 300_000;

/** An endpoint that gets no calls for now. */
export interface Ejection {
  readonly sinceEpochMs: number;
  /** By performance.now(). */
  readonly untilMs: number;
}

interface Watched {
  readonly endpoint: Endpoint;
  /** How many times as long as the first its last ejection was. Shrinks while the endpoint behaves. */
  ejections: number;
  ejection: Ejection | undefined;
  timer: NodeJS.Timeout | undefined;
}

export class OutlierDetection {
  readonly #config: OutliersConfig;
  readonly #rules: OutcomeRules;
  readonly #watched = new Map<EndpointOutcomes, Watched>();
  readonly #onFault: (error: unknown) => void;
  readonly #onSpared: (endpoint: Endpoint, sentence: string) => void;
  #endpoints: () => readonly Endpoint[] = () => [];
  #sweep: NodeJS.Timeout | undefined = undefined;

  /** @param onSpared is told of an endpoint that fails and is not ejected, with each failure that would eject it */
  constructor(
    config: OutliersConfig,
    onFault: (error: unknown) => void,
    onSpared: (endpoint: Endpoint, sentence: string) => void = () => undefined,
  ) {
    this.#config = config;
    this.#onFault = onFault;
    this.#onSpared = onSpared;
    this.#rules = {
      consecutive: config.consecutive,
      failingStatuses: new Set(config.on),
      onOutlier: (outcomes, why) => this.#eject(outcomes, why),
      onReachedAgain: (outcomes) => this.#tryAgain(outcomes),
    };
  }

  /** @param endpoints returns those that calls may go to */
  begin(endpoints: () => readonly Endpoint[]): void {
    this.#endpoints = endpoints;
    this.#sweep = setInterval(() => this.#contain(() => this.#lookAtWindows()), WINDOW_MS).unref();
  }

  watch(endpoint: Endpoint): EndpointOutcomes {
    const outcomes = new EndpointOutcomes(this.#rules);
    this.#watched.set(outcomes, { endpoint, ejections: 0, ejection: undefined, timer: undefined });
    return outcomes;
  }

  /** Undefined for an endpoint that is not ejected. */
  ejectionOf(outcomes: EndpointOutcomes): Ejection | undefined {
    return this.#watched.get(outcomes)?.ejection;
  }

  #contain(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#onFault(error);
    }
  }

  #eject(outcomes: EndpointOutcomes, why: string): void {
    const watched = this.#watched.get(outcomes);
    if (watched === undefined || watched.ejection !== undefined) return;
    const { endpoint } = watched;
    const endpoints = this.#endpoints();
    if (!endpoints.includes(endpoint)) return;
    const obstacle = this.#whySpared(endpoint, endpoints);
    if (obstacle !== undefined) {
      this.#onSpared(endpoint, `${endpoint.address.text} ${why}; it is not ejected, since ${obstacle}`);
      return;
    }
    watched.ejections++;
    const longestMs = Math.max(LONGEST_EJECTION_MS, this.#config.ejectionMs);
    const forMs = Math.min(this.#config.ejectionMs * watched.ejections, longestMs);
    watched.ejection = { sinceEpochMs: Date.now(), untilMs: performance.now() + forMs };
    watched.timer = setTimeout(() => this.#contain(() => this.#tryAgain(outcomes)), forMs).unref();
    outcomes.forget();
    endpoint.counts.ejections++;
    const sentence = `${endpoint.address.text} ${why}; it is tried again after ${forMs / 1000} s`;
    endpoint.exclude('outliers', { token: 'endpoint_ejected', sentence });
  }

  #whySpared(endpoint: Endpoint, endpoints: readonly Endpoint[]): string | undefined {
    const ejected = endpoints.filter((one) => one.exclusionBy('outliers') !== undefined).length;
    const most = Math.max(1, Math.floor((endpoints.length * this.#config.maxEjectedPercent) / 100));
    if (!endpoints.some((one) => one !== endpoint && one.isUsable)) return 'no other endpoint can be used';
    return ejected < most ? undefined : `${ejected} of ${endpoints.length} are (outliers.maxEjected)`;
  }

  /** Readmits an endpoint on trial: its next failure ejects it again, and for longer. */
  #tryAgain(outcomes: EndpointOutcomes): void {
    const watched = this.#watched.get(outcomes);
    if (watched?.ejection === undefined) return;
    clearTimeout(watched.timer);
    watched.ejection = undefined;
    outcomes.forget();
    outcomes.isOnTrial = true;
    watched.endpoint.readmit('outliers');
  }

  #lookAtWindows(): void {
    const here = new Set(this.#endpoints());
    for (const [outcomes, watched] of this.#watched) {
      if (!here.has(watched.endpoint) && watched.endpoint.isGone) {
        clearTimeout(watched.timer);
        this.#watched.delete(outcomes);
        continue;
      }
      const why = outcomes.takeWindow(LEAST_CALLS, MOST_FAILED_PERCENT);
      if (why !== undefined) this.#eject(outcomes, why);
      else if (watched.ejection === undefined && !outcomes.isOnTrial)
        watched.ejections = Math.max(0, watched.ejections - 1);
    }
  }

  /** Ejects nothing from now on. Calls may still be sent to the endpoints. */
  close(): void {
    clearInterval(this.#sweep);
    for (const { timer } of this.#watched.values()) clearTimeout(timer);
  }
}
