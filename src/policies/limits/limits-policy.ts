// The `limits` of a route that count calls. A call takes part in every one of them that has a key for it: it is refused if one has nothing
// left, and then takes nothing of the others.

import type { AdmittedCall, PendingQuestion, Policy, Questioner } from '../../calls/policy.ts';
import type { RouteConfig } from '../../config/route-config.ts';
import { compileKey, isOfClients, type KeyOf } from '../../limits/limit-key.ts';
import type { Quota } from '../../limits/quota.ts';
import type { QuotaSource } from '../../limits/quotas.ts';
import { type RateLimit, rateLimitsOf } from '../../limits/rate-limits.ts';
import { dryRunOf, type TellDryRun } from './dry-run.ts';
import { Learning, type Unknown } from './learning.ts';
import { callLimit, storeUnavailable } from './limit-failures.ts';

interface CallLimit {
  readonly limit: RateLimit;
  readonly quota: Quota;
  readonly keyOf: KeyOf;
  /** Whether clients can choose keys. */
  readonly isOfClients: boolean;
  /** Undefined if it holds. */
  readonly tellDryRun: TellDryRun | undefined;
  /** The key of the call that is being looked at (undefined if it has none), and the client that has made it up. */
  key: string | undefined;
  client: string | undefined;
  /** Whether the limit is only tried, and would refuse the call that is being looked at. */
  wouldRefuse: boolean;
}

/** Asked after `access`, which finds out who calls: refused clients must not use up what others may. */
export class LimitsPolicy implements Policy {
  readonly key = 'limits';
  readonly #limits: readonly CallLimit[];
  /** Those that are only tried. */
  readonly #tried: readonly CallLimit[];
  readonly #quotas: QuotaSource;

  constructor(limits: readonly RateLimit[], quotas: QuotaSource) {
    this.#quotas = quotas;
    this.#limits = limits.map((limit) => ({
      limit,
      quota: quotas.quotaOf(limit),
      keyOf: compileKey(limit.limit.by),
      isOfClients: isOfClients(limit.limit.by),
      tellDryRun: dryRunOf(limit.limit, limit.index, limit.route, quotas),
      key: '',
      client: undefined,
      wouldRefuse: false,
    }));
    this.#tried = this.#limits.filter(({ tellDryRun }) => tellDryRun !== undefined);
  }

  ask(call: AdmittedCall, questioner: Questioner): PendingQuestion | undefined {
    const unknown = this.#judge(call, questioner, 0);
    return unknown && this.#wait(unknown, call, questioner);
  }

  #wait(unknown: Unknown, call: AdmittedCall, questioner: Questioner): PendingQuestion {
    return new Learning(unknown, (waitedMs) => this.#judge(call, questioner, waitedMs));
  }

  /**
   * Takes of all limits, or of none.
   * @param waitedMs for how long the call has waited. A limit that it has waited for long enough is judged by what is known
   * @returns the first limit of which this process knows too little. Otherwise the questioner has the answer
   */
  #judge(call: AdmittedCall, questioner: Questioner, waitedMs: number): Unknown | undefined {
    for (let index = 0; index < this.#limits.length; index++) {
      const one = this.#limits[index];
      const { quota, limit } = one;
      const key = one.keyOf(call);
      const client = one.isOfClients ? call.subject.clientKey : undefined;
      one.key = key;
      one.client = client;
      one.wouldRefuse = false;
      if (key === undefined) continue;
      const waitMs = quota.take(key, 1, client);
      if (waitMs <= 0) continue;
      if (one.tellDryRun !== undefined) {
        // A call does not wait for a limit that is only tried: it is not counted as long as the answer of those who know is missing.
        one.wouldRefuse = quota.knows(key, 1, client);
        one.key = undefined;
        continue;
      }
      for (let before = 0; before < index; before++) giveBack(this.#limits[before]);
      const leftMs = quota.learnWithinMs - waitedMs;
      if (leftMs > 0 && !quota.knows(key, 1, client)) return unknownOf(one, key, leftMs);
      if (this.#tried.length > 0) this.#tellDryRuns(call, index);
      this.#quotas.refused(limit);
      const closedBy = quota.closedBy?.(key);
      questioner.refuse(
        closedBy === undefined
          ? callLimit(limit, waitMs, quota.left(key, client))
          : storeUnavailable(limit, closedBy),
      );
      return undefined;
    }
    if (this.#tried.length > 0) this.#tellDryRuns(call, this.#limits.length);
    questioner.admit();
    return undefined;
  }

  /** @param judged how many of the limits have judged the call */
  #tellDryRuns(call: AdmittedCall, judged: number): void {
    for (let index = 0; index < judged; index++) {
      const { wouldRefuse, tellDryRun } = this.#limits[index];
      if (wouldRefuse) tellDryRun?.(call);
    }
  }
}

/** Not within `#judge`: V8 allocates what closures of a function capture for each of its calls, also for those that make no closure. */
function unknownOf({ quota, client }: CallLimit, key: string, leftMs: number): Unknown {
  return { leftMs, learn: (onKnown) => quota.learn(key, 1, onKnown, client) };
}

function giveBack({ quota, key, client }: CallLimit): void {
  if (key !== undefined) quota.giveBack(key, 1, client);
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
