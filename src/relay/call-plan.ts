// The policies of one route, compiled when a configuration is loaded. A route without policies has the plan PLAIN, whose calls pay only
// a few comparisons. If a policy throws an error, the call is refused: a rule that cannot be evaluated must not let calls pass.

import { checkField, checkName } from '../calls/editable-field.ts';
import { FAULT } from '../calls/failure.ts';
import { type FlowLimits, NO_LIMITS } from '../calls/flow-limits.ts';
import type {
  AdmittedCall,
  HeaderEdit,
  LocalDecision,
  Policy,
  RequestKind,
  Translation,
} from '../calls/policy.ts';
import type { AttemptEnd, RetryPolicy } from '../calls/retry-policy.ts';
import type { RouteConfig } from '../config/route-config.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import { HeaderEdits } from './header-edits.ts';

/** A policy that is asked about each call, and may have the call wait for the answer. */
export type AskingPolicy = Policy & Required<Pick<Policy, 'ask'>>;

/** Pseudo-header fields that policies may read. */
const READABLE: ReadonlySet<string> = new Set([':method', ':protocol']);

/** A longer delay counts as no further attempt, since a call that waits longer is not worth its memory. */
const LONGEST_WAIT_MS = 3_600_000;

const FAULTY: LocalDecision = { kind: 'refuse', failure: FAULT };

export class CallPlan {
  /** Names of the header fields that the decisions of the policies depend on. Calls that differ in one of them are of different kinds. */
  readonly reads: readonly string[];
  /** Names of the header fields that policies may add to single calls. */
  readonly adds: ReadonlySet<string>;
  /** Policies with a method `ask`, in the order in which they ask. */
  readonly asking: readonly AskingPolicy[];
  readonly isForBrowsers: boolean;
  /** Whether only gRPC calls may reach services that speak HTTP/2. */
  readonly isForGrpcAlone: boolean;
  /** Whether a policy has to look at each single call (`ask` or `limitFlow`). */
  readonly admits: boolean;
  /** Whether a policy edits the heads of responses. */
  readonly responds: boolean;
  /** Whether a policy edits the trailer sections of responses. */
  readonly respondsTrailers: boolean;
  /** When requests are sent again that an endpoint may have processed. Undefined means never. */
  readonly retry: RetryPolicy | undefined;
  readonly #policies: readonly Policy[];
  /** Policies with a method `limitFlow`. */
  readonly #limiting: readonly Policy[];
  readonly #onFault: (error: unknown) => void;

  /**
   * @param policies in the order in which they are applied. Throws if one reads a name that no request has, or adds one that it may not.
   * @param onFault is called with each error that a policy throws. Must not throw.
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
    this.isForGrpcAlone = policies.some(({ isForGrpcAlone }) => isForGrpcAlone === true);
    this.#limiting = policies.filter((policy) => policy.limitFlow !== undefined);
    this.admits = this.#limiting.length > 0 || this.asking.length > 0;
    this.retry = policies.find(({ retry }) => retry !== undefined)?.retry;
    this.respondsTrailers = policies.some((policy) => policy.respondTrailers !== undefined);
    this.responds = this.respondsTrailers || policies.some((policy) => policy.respond !== undefined);
  }

  /** @returns the decision of the first policy that does not let calls of this kind pass, or undefined if all of them do */
  decide(kind: RequestKind, edit: HeaderEdit): LocalDecision | undefined {
    try {
      for (const policy of this.#policies) {
        const decision = policy.decide?.(kind, edit);
        if (decision !== undefined) return decision;
      }
      // These edits come last, so that they prevail: a client must not be able to send a field that the service trusts a policy to add.
      for (const name of this.adds) edit.remove(name);
      return undefined;
    } catch (error) {
      this.#onFault(error);
      return FAULTY;
    }
  }

  /** Throws what a policy throws. The caller handles it: without the translation, nothing can be answered in the client's protocol. */
  translate(kind: RequestKind): Translation | undefined {
    for (const policy of this.#policies) {
      const translation = policy.translate?.(kind);
      if (translation !== undefined) return translation;
    }
    return undefined;
  }

  /** @returns what limits the messages and bytes of this call. Throws what a policy throws, since a call without its limits must not begin. */
  limitFlow(call: AdmittedCall): readonly FlowLimits[] {
    if (this.#limiting.length === 0) return NO_LIMITS;
    const limits: FlowLimits[] = [];
    for (const policy of this.#limiting) {
      const some = policy.limitFlow?.(call);
      if (some !== undefined) limits.push(some);
    }
    return limits;
  }

  /** @returns how the policies edit a response with this head, or undefined if a policy failed */
  respond(list: HeaderList): HeaderEdits | undefined {
    const edits = new HeaderEdits();
    // gRPC's Trailers-Only: the head is the trailer section as well.
    const isTrailersToo = this.respondsTrailers && list.get('grpc-status') !== undefined;
    try {
      for (const policy of this.#policies) {
        policy.respond?.(list, edits);
        if (isTrailersToo) policy.respondTrailers?.(list, edits);
      }
      return edits;
    } catch (error) {
      this.fault(error);
      return undefined;
    }
  }

  /** @returns how the policies edit this trailer section, or undefined if a policy failed */
  respondTrailers(list: HeaderList): HeaderEdits | undefined {
    const edits = new HeaderEdits();
    try {
      for (const policy of this.#policies) policy.respondTrailers?.(list, edits);
      return edits;
    } catch (error) {
      this.fault(error);
      return undefined;
    }
  }

  /** @returns how long to wait before the next attempt, in milliseconds, or -1 if there is none, also after an error of the policy */
  retryDelayMs(end: AttemptEnd, retries: number): number {
    if (this.retry === undefined) return -1;
    try {
      const waitMs = this.retry.verdict(end, retries);
      return waitMs >= 0 && waitMs <= LONGEST_WAIT_MS ? waitMs : -1;
    } catch (error) {
      this.fault(error);
      return -1;
    }
  }

  /** Reports an error that a policy has thrown. Never throws. */
  fault(error: unknown): void {
    this.#onFault(error);
  }
}

/** The plan of routes without policies. */
export const PLAIN = new CallPlan([], () => undefined);

/** The plans of a configuration. */
export interface CallPlans {
  /** @param route a route of the configuration, or undefined for requests that match no route */
  of(route: RouteConfig | undefined): CallPlan;
}

export const NO_POLICIES: CallPlans = { of: () => PLAIN };
