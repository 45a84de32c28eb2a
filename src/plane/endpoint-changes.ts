// Notices when an endpoint of this process comes into another state, and passes that on in batches. Nothing is kept of endpoints that
// were never in trouble, and a process whose endpoints all stay as they are does nothing.

import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import type { Endpoint } from '../upstreams/endpoint.ts';
import { describeDoubt } from './endpoint-doubt.ts';

/**
 * - usable: nothing keeps the endpoint out, and it was reached last time or was never tried.
 * - silent: it owes an answer to the keepalive.
 * - unreachable: the last connection could not be made, or was given up.
 * - ejected: too many of its calls have failed.
 * - unhealthy: its health check has failed.
 */
export const ENDPOINT_CONDITIONS = ['usable', 'silent', 'unreachable', 'ejected', 'unhealthy'] as const;
export type EndpointCondition = (typeof ENDPOINT_CONDITIONS)[number];

export interface ConditionChange {
  readonly upstream: string;
  /** Its address, as configured. */
  readonly endpoint: string;
  readonly to: EndpointCondition;
  /** Why. Undefined for `usable`. */
  readonly sentence: string | undefined;
  readonly atEpochMs: number;
}

/** @param carrier the process that carries calls */
export type ChangesTold = (carrier: object, changes: readonly ConditionChange[]) => void;

/** Changes are passed on together, since an outage changes all endpoints at once. */
const TELL_EVERY_MS = 250;
/** What waits to be told. Of more, the newest are left out: an endpoint that keeps changing is known to do so. */
const MOST_WAITING = 1000;

/** The part of an endpoint that decides. */
export type Conditioned = Pick<Endpoint, 'address' | 'exclusionBy' | 'lastFailure' | 'isInDoubt' | 'doubt'>;

export class EndpointChanges {
  /** The condition of endpoints that are not usable, or were not. */
  readonly #last = new WeakMap<Conditioned, EndpointCondition>();
  #waiting: ConditionChange[] = [];
  #timer: NodeJS.Timeout | undefined = undefined;
  #tell: ChangesTold | undefined = undefined;

  set onTold(tell: ChangesTold) {
    this.#tell = tell;
  }

  /** Called when the condition of the endpoint may have changed. */
  look(upstream: string, endpoint: Conditioned): void {
    const { to, sentence } = conditionOf(endpoint);
    if (to === (this.#last.get(endpoint) ?? 'usable')) return;
    if (this.#tell === undefined || this.#waiting.length >= MOST_WAITING) return;
    this.#last.set(endpoint, to);
    this.#waiting.push({ upstream, endpoint: endpoint.address.text, to, sentence, atEpochMs: Date.now() });
    this.#timer ??= setTimeout(() => this.flush(), TELL_EVERY_MS).unref();
  }

  /** Passes on what waits. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length === 0) return;
    const changes = this.#waiting;
    this.#waiting = [];
    this.#tell?.(this, changes);
  }
}

function conditionOf(endpoint: Conditioned): {
  readonly to: EndpointCondition;
  readonly sentence: string | undefined;
} {
  const unhealthy = endpoint.exclusionBy('health');
  if (unhealthy !== undefined) return because('unhealthy', unhealthy);
  const ejected = endpoint.exclusionBy('outliers');
  if (ejected !== undefined) return because('ejected', ejected);
  const { lastFailure } = endpoint;
  if (lastFailure !== undefined) return because('unreachable', lastFailure);
  if (endpoint.isInDoubt)
    return { to: 'silent', sentence: describeDoubt(endpoint.address.text, endpoint.doubt) };
  return { to: 'usable', sentence: undefined };
}

function because(
  to: EndpointCondition,
  { sentence }: Diagnosis,
): { readonly to: EndpointCondition; readonly sentence: string } {
  return { to, sentence };
}
