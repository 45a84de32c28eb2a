// Knows whether an upstream has any endpoint that can take calls, and how many calls were refused while it had none. This is logged for the
// upstream as a whole, because lines about single endpoints may be left out when endpoints come and go.

import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import type { Endpoint } from './endpoint.ts';

/** out: no endpoint can be used. back: one can be again. gone: the upstream is not used any more, or its source names no endpoints, while it had none. */
export type OutageNews =
  | { readonly state: 'out'; readonly why: Diagnosis }
  | { readonly state: 'back'; readonly refused: number }
  | { readonly state: 'gone'; readonly refused: number };

export class Outage {
  readonly #tell: (news: OutageNews) => void;
  readonly #count: (calls: number) => void;
  #isOut = false;
  #isClosed = false;
  #refused = 0;

  /** @param count is told of calls that were refused, also where the upstream has no endpoint to lose */
  constructor(tell: (news: OutageNews) => void, count: (calls: number) => void) {
    this.#tell = tell;
    this.#count = count;
  }

  /**
   * Must be called after what is known of an endpoint has changed. An upstream without endpoints is none that has lost them: its source
   * tells of that.
   * @param isOpen whether calls may be sent to an endpoint if it is reached
   */
  look<Candidate extends Endpoint>(
    endpoints: readonly Candidate[],
    isOpen: (endpoint: Candidate) => boolean,
  ): void {
    if (this.#isClosed) return;
    const isOut =
      endpoints.length > 0 &&
      !endpoints.some((endpoint) => endpoint.lastFailure === undefined && isOpen(endpoint));
    if (isOut === this.#isOut) return;
    this.#isOut = isOut;
    if (isOut) this.#tell({ state: 'out', why: commonestReason(endpoints) });
    else this.#tell({ state: endpoints.length === 0 ? 'gone' : 'back', refused: this.#takeRefused() });
  }

  /** So many calls were refused since there is no endpoint for them. Those of an upstream that is not used any more are not counted. */
  noteRefused(calls: number): void {
    if (this.#isClosed) return;
    this.#count(calls);
    if (this.#isOut) this.#refused += calls;
  }

  /** The upstream is not used any more. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#isOut) this.#tell({ state: 'gone', refused: this.#takeRefused() });
  }

  #takeRefused(): number {
    const refused = this.#refused;
    this.#refused = 0;
    return refused;
  }
}

/** What most of the endpoints have, in the words of the first of them. */
function commonestReason(endpoints: readonly Endpoint[]): Diagnosis {
  const reasons = endpoints.flatMap(({ lastFailure, exclusion }) => lastFailure ?? exclusion ?? []);
  const groups = [...Map.groupBy(reasons, ({ token }) => token).values()];
  const [[first]] = groups.toSorted((one, other) => other.length - one.length);
  return first;
}
