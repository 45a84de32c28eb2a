// The weight of one endpoint by its load reports (gRFC A58): what it is, and from when to when it counts. Reads no clock.

import type { OrcaConfig } from '../config/upstream-config.ts';
import type { LoadReport } from './load-report.ts';

/** A weight outside of these comes of a report that cannot be true. So sums of thousands of weights are exact enough. */
const LEAST_WEIGHT = 1e-9;
const GREATEST_WEIGHT = 1e12;

/** What a report is worth. */
export const REPORT_RESULTS = ['used', 'idle', 'refused'] as const;
export type ReportResult = (typeof REPORT_RESULTS)[number];

export interface WeightState {
  /** Undefined while no report counts. */
  readonly weight: number | undefined;
  /** The age of the last report that a weight was made of. Undefined before the first. */
  readonly ageMs: number | undefined;
  /** How long it takes until the weight counts. 0 when it counts, or there is none. */
  readonly blackoutMs: number;
}

export class LoadWeight {
  readonly #config: OrcaConfig;
  #weight = 0;
  #updatedAtMs = Number.NEGATIVE_INFINITY;
  /** When the first of the reports came that have not ceased since. */
  #sinceMs = Number.POSITIVE_INFINITY;

  constructor(config: OrcaConfig) {
    this.#config = config;
  }

  /** Takes over the weight of the same endpoint by other settings. If it counts, no blackout of these settings takes that away. */
  takeOver(before: LoadWeight, nowMs: number): void {
    this.#weight = before.#weight;
    this.#updatedAtMs = before.#updatedAtMs;
    this.#sinceMs = before.state(nowMs).weight === undefined ? before.#sinceMs : Number.NEGATIVE_INFINITY;
  }

  /** The reports come on a new connection: the server may be another one. */
  connected(): void {
    this.#sinceMs = Number.POSITIVE_INFINITY;
  }

  report({ rps, eps, utilization }: LoadReport, nowMs: number): ReportResult {
    if (rps === 0 || utilization === 0) return 'idle';
    const weight = rps / (utilization + (eps / rps) * this.#config.errorUtilizationPenalty);
    if (!(weight >= LEAST_WEIGHT && weight <= GREATEST_WEIGHT)) return 'refused';
    this.#forgetExpired(nowMs);
    this.#sinceMs = Math.min(this.#sinceMs, nowMs);
    this.#updatedAtMs = nowMs;
    this.#weight = weight;
    return 'used';
  }

  #forgetExpired(nowMs: number): void {
    if (nowMs - this.#updatedAtMs >= this.#config.weightExpirationMs)
      this.#sinceMs = Number.POSITIVE_INFINITY;
  }

  state(nowMs: number): WeightState {
    this.#forgetExpired(nowMs);
    const isKnown = this.#updatedAtMs !== Number.NEGATIVE_INFINITY;
    const ageMs = isKnown ? nowMs - this.#updatedAtMs : undefined;
    // After a new connection or an expiry there is none before the next report.
    const isCurrent = this.#sinceMs !== Number.POSITIVE_INFINITY;
    const blackoutMs = isCurrent ? Math.max(0, this.#sinceMs + this.#config.blackoutMs - nowMs) : 0;
    return { weight: isCurrent && blackoutMs === 0 ? this.#weight : undefined, ageMs, blackoutMs };
  }
}
