// Diagnoses of one kind as one entry: what is wrong is read once, and a thousand addresses take no more room than one.

import type {
  DiagnosisFact,
  DiagnosisFacts,
  DiagnosisReasonFact,
} from '../../src/admin/dashboard-figures.ts';

export type GroupedFacts = Pick<DiagnosisFacts, 'recent' | 'counts' | 'reasons'>;

export interface DiagnosisGroup {
  readonly code: string;
  readonly token: string;
  /** The newest of each peer first. Never empty. */
  readonly facts: readonly DiagnosisFact[];
  /** How often it was given since the start, also to peers of whom no entry is left. */
  readonly count: number;
  /** The newest first. */
  readonly reasons: readonly DiagnosisReasonFact[];
  /** How often it was given for earlier reasons, of which no more is known. */
  readonly forgotten: number;
  /** How many clients, endpoints, upstreams or stores it is about. */
  readonly peers: number;
  readonly lastAtEpochMs: number;
}

/** @param recent those that are shown, in any order. @returns the group with the newest diagnosis first */
export function diagnosisGroups({ recent, counts, reasons }: GroupedFacts): readonly DiagnosisGroup[] {
  const newestFirst = recent.toSorted((one, other) => other.lastAtEpochMs - one.lastAtEpochMs);
  const groups = Map.groupBy(newestFirst, ({ code, token }) => `${code} ${token}`);
  return Array.from(groups.values(), (ofGroup) => {
    const [{ code, token, lastAtEpochMs }] = ofGroup;
    // What has no code is counted with others that have none.
    const isCoded = code !== '';
    const ofReasons = (isCoded && reasons[code]) || [];
    const count = Math.max((isCoded && counts[code]) || 0, sumOf(ofGroup));
    return {
      code,
      token,
      facts: ofGroup,
      count,
      reasons: ofReasons,
      forgotten: ofReasons.length === 0 ? 0 : Math.max(0, count - sumOf(ofReasons)),
      peers: new Set(ofGroup.map(hostOf)).size,
      lastAtEpochMs,
    };
  });
}

function sumOf(counted: readonly { readonly count: number }[]): number {
  return counted.reduce((sum, { count }) => sum + count, 0);
}

/**
 * Tokens of calls that failed although their clients did nothing wrong: a service, one that the proxy asks, or the proxy itself is the
 * cause. Traffic counts calls that end at their deadline as failed, so they are none of refused clients either.
 */
const NOT_OF_CLIENTS =
  /^(?:upstream_(?!refused_http$).*|deadline_exceeded|attempt_timeout|response_idle|draining|stream_(?:too_old|rebalanced)|fault_injected|authorizer_unavailable|limit_(?:service|store)_unavailable|keys_unavailable|policy_unanswered)$/;

/** Whether it says what a client did wrong. */
export function isOfClient({ client, token }: DiagnosisFact): boolean {
  return client !== undefined && !NOT_OF_CLIENTS.test(token);
}

/** Whom it is about. Undefined if that is not known. */
export function peerOf({ client, endpoint, upstream, store }: DiagnosisFact): string | undefined {
  return client ?? endpoint ?? upstream ?? store;
}

/** A client has another port with each connection. */
function hostOf(fact: DiagnosisFact): string | undefined {
  return fact.client?.replace(/:\d+$/, '') ?? peerOf(fact);
}
