// The `limits` of a route that count calls. A call takes part in every one of them that has a key for it: it is refused if one has nothing
// left, and then takes nothing of the others.

import type { Failure } from '../../calls/failure.ts';
import type { AdmittedCall, PendingQuestion, Policy, Questioner } from '../../calls/policy.ts';
import type { RouteConfig } from '../../config/route-config.ts';
import { compileKey, isOfClients, type KeyOf } from '../../limits/limit-key.ts';
import type { Quota } from '../../limits/quota.ts';
import type { QuotaSource } from '../../limits/quotas.ts';
import { type RateLimit, rateLimitsOf } from '../../limits/rate-limits.ts';
import { Learning, type Unknown } from './learning.ts';
import { callLimit } from './limit-failures.ts';

interface CallLimit {
  readonly limit: RateLimit;
  readonly quota: Quota;
  readonly keyOf: KeyOf;
  /** Whether clients can choose keys. */
  readonly isOfClients: boolean;
}

/** Not asked as `admit`, since `access` has to find out first who calls, and refused clients must not use up what others may. */
export class LimitsPolicy implements Policy {
  readonly key = 'limits';
  readonly #limits: readonly CallLimit[];
  readonly #quotas: QuotaSource;

  constructor(limits: readonly RateLimit[], quotas: QuotaSource) {
    this.#quotas = quotas;
    this.#limits = limits.map((limit) => ({
      limit,
      quota: quotas.quotaOf(limit),
      keyOf: compileKey(limit.limit.by),
      isOfClients: isOfClients(limit.limit.by),
    }));
  }

  ask(call: AdmittedCall, questioner: Questioner): PendingQuestion | undefined {
    const unsure = this.#unsure(call, 0);
    if (unsure !== undefined)
      return new Learning(this.#unsure.bind(this, call), unsure, () => this.#answer(call, questioner));
    this.#answer(call, questioner);
    return undefined;
  }

  #answer(call: AdmittedCall, questioner: Questioner): void {
    const refusal = this.#take(call);
    if (refusal === undefined) questioner.admit();
    else questioner.refuse(refusal);
  }

  /**
   * @param waitedMs for how long the call has waited. Limits that it has waited for long enough are judged by what is known
   * @returns how to learn of the first limit of which this process knows too little
   */
  #unsure(call: AdmittedCall, waitedMs: number): Unknown | undefined {
    for (const { quota, keyOf } of this.#limits) {
      const key = keyOf(call);
      const leftMs = quota.learnWithinMs - waitedMs;
      if (key !== undefined && leftMs > 0 && !quota.knows(key, 1))
        return { leftMs, learn: (onKnown) => quota.learn(key, 1, onKnown) };
    }
    return undefined;
  }

  #take(call: AdmittedCall): Failure | undefined {
    for (let index = 0; index < this.#limits.length; index++) {
      const { limit, quota, keyOf, isOfClients: hasClient } = this.#limits[index];
      const key = keyOf(call);
      if (key === undefined) continue;
      const waitMs = quota.take(key, 1, hasClient ? call.subject.clientKey : undefined);
      if (waitMs > 0) {
        this.#giveBack(call, index);
        this.#quotas.refused(limit);
        return callLimit(limit, waitMs, quota.left(key));
      }
    }
    return undefined;
  }

  /** @param before the index of the limit that refuses the call */
  #giveBack(call: AdmittedCall, before: number): void {
    for (const { quota, keyOf } of this.#limits.slice(0, before)) {
      const key = keyOf(call);
      if (key !== undefined) quota.giveBack(key, 1);
    }
  }
}

/** @returns undefined if no limit of the route counts calls */
export function limitsPolicy(
  route: RouteConfig | undefined,
  { quotas }: { readonly quotas: QuotaSource },
): LimitsPolicy | undefined {
  const limits =
    route === undefined ? [] : rateLimitsOf(route).filter(({ limit }) => limit.count === 'calls');
  return limits.length === 0 ? undefined : new LimitsPolicy(limits, quotas);
}
