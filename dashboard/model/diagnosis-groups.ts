// Diagnoses of one kind as one entry: what is wrong is read once, and a thousand addresses take no more room than one.

import type { DiagnosisFact } from '../../src/admin/dashboard-figures.ts';

export interface DiagnosisGroup {
  readonly code: string;
  readonly token: string;
  /** The newest of each peer first. Never empty. */
  readonly facts: readonly DiagnosisFact[];
  /** How often it was given to these peers. */
  readonly count: number;
  /** How many clients, endpoints, upstreams or stores it is about. */
  readonly peers: number;
  readonly lastAtEpochMs: number;
}

/** @param facts in any order. @returns the group with the newest diagnosis first */
export function diagnosisGroups(facts: readonly DiagnosisFact[]): readonly DiagnosisGroup[] {
  const newestFirst = facts.toSorted((one, other) => other.lastAtEpochMs - one.lastAtEpochMs);
  const groups = Map.groupBy(newestFirst, ({ code, token }) => `${code} ${token}`);
  return Array.from(groups.values(), (ofGroup) => ({
    code: ofGroup[0].code,
    token: ofGroup[0].token,
    facts: ofGroup,
    count: ofGroup.reduce((sum, { count }) => sum + count, 0),
    peers: new Set(ofGroup.map(hostOf)).size,
    lastAtEpochMs: ofGroup[0].lastAtEpochMs,
  }));
}

/** Tokens of calls that failed although their clients did nothing wrong: a service, or one that the proxy asks, is the cause. */
const OF_SERVICES =
  /^(?:upstream_(?!refused_http$).*|attempt_timeout|response_idle|authorizer_unavailable|limit_(?:service|store)_unavailable|keys_unavailable|policy_unanswered)$/;

/** Whether it says what a client did wrong. */
export function isOfClient({ client, token }: DiagnosisFact): boolean {
  return client !== undefined && !OF_SERVICES.test(token);
}

/** Whom it is about. Undefined if that is not known. */
export function peerOf({ client, endpoint, upstream, store }: DiagnosisFact): string | undefined {
  return client ?? endpoint ?? upstream ?? store;
}

/** A client has another port with each connection. */
function hostOf(fact: DiagnosisFact): string | undefined {
  return fact.client?.replace(/:\d+$/, '') ?? peerOf(fact);
}
