// The endpoints of one upstream: those that are named now, and those that were removed and still have connections or calls. An endpoint is
// identified by its address: if it is named again, it stays the same object, with its connections.

import type { EndpointState } from '../config/upstream-config.ts';
import { ClientShares } from './client-shares.ts';
import type { Endpoint } from './endpoint.ts';
import type { PlaceCount } from './holding.ts';

export interface EndpointSetParts<Candidate extends Endpoint> {
  readonly make: (state: EndpointState) => Candidate;
  /** Where the places of calls at endpoints that are named are counted. */
  readonly shares: PlaceCount;
}

export class EndpointSet<Candidate extends Endpoint> {
  readonly #parts: EndpointSetParts<Candidate>;
  #named: readonly Candidate[] = [];
  #leaving: readonly Candidate[] = [];
  /** The holdings at endpoints that have left. No other client will get those places, so they are not counted in any share. */
  readonly #left = new ClientShares<never>(0, () => Number.POSITIVE_INFINITY);

  constructor(parts: EndpointSetParts<Candidate>) {
    this.#parts = parts;
  }

  /** Those that are named, in the order of the configuration. */
  get named(): readonly Candidate[] {
    return this.#named;
  }

  /** Those that are named, and those that have left and still have connections or calls. */
  get all(): readonly Candidate[] {
    return [...this.#named, ...this.#leaving.filter(({ isGone }) => !isGone)];
  }

  /** @returns the endpoints that are named no more, which `letGo` must be given */
  use(states: readonly EndpointState[]): readonly Candidate[] {
    this.#forgetGone();
    const before = new Map([...this.#named, ...this.#leaving].map((one) => [one.address.text, one]));
    // A set, as thousands of endpoints may leave and come back in one update.
    const leaving = new Set(this.#leaving);
    const now = new Map<string, Candidate>();
    for (const state of states) {
      const { text } = state.address;
      const known = before.get(text);
      known?.describe(state);
      if (known !== undefined && leaving.has(known)) {
        known.comeBack();
        known.countCallsIn(this.#parts.shares);
      }
      now.set(text, known ?? this.#parts.make(state));
    }
    const left = this.#named.filter(({ address }) => !now.has(address.text));
    this.#leaving = [...this.#leaving.filter(({ address }) => !now.has(address.text)), ...left];
    this.#named = [...now.values()];
    return left;
  }

  letGo(left: readonly Candidate[]): void {
    for (const endpoint of left) {
      endpoint.countCallsIn(this.#left);
      endpoint.leave();
    }
    this.#forgetGone();
  }

  #forgetGone(): void {
    if (this.#leaving.length === 0) return;
    this.#leaving = this.#leaving.filter(({ isGone }) => !isGone);
  }
}
