// The policies of one route, sorted by the moments at which they speak when the configuration is put to use. A route without policies has
// PLAIN, so that its calls pay one comparison. What a policy throws refuses the call: a rule that cannot be asked lets nobody pass.

import { FAULT, type Failure } from '../calls/failure.ts';
import type {
  AdmittedCall,
  HeaderEdit,
  LocalDecision,
  Policy,
  RequestKind,
  Translation,
} from '../calls/policy.ts';
import { type RetryPolicy, TRANSPARENT_RETRIES } from '../calls/retry-policy.ts';
import type { RouteConfig } from '../config/config.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import { checkField, checkName, HeaderEdits } from './header-edits.ts';

/** A policy that asks. */
export type AskingPolicy = Policy & Required<Pick<Policy, 'ask'>>;

/** Pseudo-header fields that policies may read. */
const READABLE: ReadonlySet<string> = new Set([':method', ':protocol']);

const FAULTY: LocalDecision = { kind: 'refuse', failure: FAULT };

export class CallPlan {
  /** Names of the header fields that the kinds of its calls are told apart by. */
  readonly reads: readonly string[];
  /** Names of the header fields that policies may add to single calls. */
  readonly adds: ReadonlySet<string>;
  /** In the order in which they ask, one after the other. */
  readonly asking: readonly AskingPolicy[];
  readonly isForBrowsers: boolean;
  /** Some policy looks at each call. */
  readonly admits: boolean;
  /** Some policy looks at the heads of responses. */
  readonly responds: boolean;
  readonly retry: RetryPolicy;
  readonly #policies: readonly Policy[];
  readonly #onFault: (error: unknown) => void;

  /**
   * @param policies in the order in which they speak. Throws where one of them reads what no request has, or adds what it may not.
   * @param onFault is told what a policy throws. May not throw.
   */
  constructor(policies: readonly Policy[], onFault: (error: unknown) => void) {
    for (const { reads = [], adds = [] } of policies) {
      for (const name of reads) if (!READABLE.has(name)) checkName(name);
      for (const name of adds) checkField(name, '');
    }
    this.#policies = policies;
    this.#onFault = onFault;
    this.reads = [...new Set(policies.flatMap(({ reads = [] }) => reads))];
    this.adds = new Set(policies.flatMap(({ adds = [] }) => adds));
    this.asking = policies.filter((policy): policy is AskingPolicy => policy.ask !== undefined);
    this.isForBrowsers = policies.some(({ isForBrowsers }) => isForBrowsers === true);
    this.admits = policies.some((policy) => policy.admit !== undefined || policy.ask !== undefined);
    this.retry = policies.find(({ retry }) => retry !== undefined)?.retry ?? TRANSPARENT_RETRIES;
    this.responds = policies.some((policy) => policy.respond !== undefined);
  }

  /** @returns what becomes of calls of this kind that are not forwarded; the first policy that does not let them pass decides */
  decide(kind: RequestKind, edit: HeaderEdit): LocalDecision | undefined {
    try {
      for (const policy of this.#policies) {
        const decision = policy.decide?.(kind, edit);
        if (decision !== undefined) return decision;
      }
      // Last, so that no edit lets through what a client claims in the name of a policy.
      for (const name of this.adds) edit.remove(name);
      return undefined;
    } catch (error) {
      this.#onFault(error);
      return FAULTY;
    }
  }

  /** Throws what a policy throws: without its translation nothing can be said to the client in its language. */
  translate(kind: RequestKind): Translation | undefined {
    for (const policy of this.#policies) {
      const translation = policy.translate?.(kind);
      if (translation !== undefined) return translation;
    }
    return undefined;
  }

  /** @returns why this call is not forwarded */
  admit(call: AdmittedCall): Failure | undefined {
    try {
      for (const policy of this.#policies) {
        const refusal = policy.admit?.(call);
        if (refusal !== undefined) return refusal;
      }
      return undefined;
    } catch (error) {
      this.fault(error);
      return FAULT;
    }
  }

  /** @returns the head of a response as the policies want it; the list itself where they change nothing, undefined after a fault */
  respond(list: HeaderList): HeaderList | undefined {
    const edits = new HeaderEdits();
    try {
      for (const policy of this.#policies) policy.respond?.(list, edits);
      return edits.applyTo(list);
    } catch (error) {
      this.fault(error);
      return undefined;
    }
  }

  /** A policy has thrown. Never throws. */
  fault(error: unknown): void {
    this.#onFault(error);
  }
}

/** Of routes without policies. */
export const PLAIN = new CallPlan([], () => undefined);

/** The plans of a configuration. */
export interface CallPlans {
  /** @param route one of the configuration; undefined for requests that no route matches */
  of(route: RouteConfig | undefined): CallPlan;
}

export const NO_POLICIES: CallPlans = { of: () => PLAIN };
