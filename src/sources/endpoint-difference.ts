// What differs between two lists of endpoints, for the log: a list may be another although it is as long as the one before.

import type { EndpointState } from '../config/upstream-config.ts';

/** How many addresses a line names. */
const MOST_NAMED = 10;

export interface EndpointDifference {
  /** Whether both have the same endpoints with the same weights, priorities, zones and names, in whatever order. */
  readonly isNone: boolean;
  /** Addresses. Behind the first ten stands how many more there are. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

export function endpointDifference(
  before: readonly EndpointState[],
  now: readonly EndpointState[],
): EndpointDifference {
  const [old, latest] = [byAddress(before), byAddress(now)];
  const added = now.filter(({ address }) => !old.has(address.text));
  const removed = before.filter(({ address }) => !latest.has(address.text));
  const isNone =
    added.length + removed.length === 0 &&
    now.every((state) => describe(state) === describe(old.get(state.address.text)));
  return { isNone, added: named(added), removed: named(removed) };
}

function byAddress(states: readonly EndpointState[]): ReadonlyMap<string, EndpointState> {
  return new Map(states.map((state) => [state.address.text, state]));
}

function describe(state: EndpointState | undefined): string {
  return JSON.stringify([state?.weight, state?.priority, state?.zone, state?.authority]);
}

function named(states: readonly EndpointState[]): readonly string[] {
  const first = states.slice(0, MOST_NAMED).map(({ address }) => address.text);
  return states.length > MOST_NAMED ? [...first, `and ${states.length - MOST_NAMED} more`] : first;
}
