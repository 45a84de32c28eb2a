// A question about the calls in flight, and the order of the answer. A page ends at a place in this order, not at a number of calls: calls
// that come and go before it move nothing. So pages of several processes can be merged.

import type { Blocker, CallState, LiveExchange } from './live-exchange.ts';

/**
 * - age: the oldest first. A call keeps its place, so that all pages together have each call once that runs throughout.
 * - silent: the longest silent first. A call in which bytes move goes to the end: it may be on a second page.
 * - bytes: the most bytes first, both directions together. A call may get in front of the page that is read.
 */
export const LIVE_SORTS = ['age', 'silent', 'bytes'] as const;
export type LiveSort = (typeof LIVE_SORTS)[number];

export const DEFAULT_LIVE_LIMIT = 100;
export const MOST_LIVE_LIMIT = 1000;

/** A place in the order: the key of a call, and its id where keys are equal. */
export interface LivePlace {
  readonly key: number;
  readonly id: string;
}

export interface LiveQuery {
  readonly id?: string | undefined;
  readonly route?: string | undefined;
  readonly upstream?: string | undefined;
  /** An address as in the configuration. */
  readonly endpoint?: string | undefined;
  /** A path, or its beginning and `*`. */
  readonly method?: string | undefined;
  /** The address of the peer or of the client that a trusted peer names, ADDRESS:PORT of the peer, or a range of addresses (CIDR). */
  readonly client?: string | undefined;
  /** The name of an identity, NAME:SUBJECT, or the beginning of these and `*`. */
  readonly identity?: string | undefined;
  readonly state?: CallState | undefined;
  readonly blocked?: Blocker | undefined;
  readonly minAgeMs?: number | undefined;
  readonly minSilentMs?: number | undefined;
  readonly sort: LiveSort;
  readonly limit: number;
  /** The last place of the page before. */
  readonly after?: LivePlace | undefined;
}

/** What one process knows: its first calls behind `after`. */
export interface LivePart {
  /** How many calls are in flight. */
  readonly total: number;
  /** How many of them the query is about, on whichever page. */
  readonly matching: number;
  readonly exchanges: readonly LiveExchange[];
  /** The key of each of these exchanges. */
  readonly keys: readonly number[];
  /**
   * Where the part ends: there may be more calls behind this place, and none before it that is missing. Calls that ended while the part was made
   * are missing, so this need not be the place of an exchange. Undefined if there are no more.
   */
  readonly end?: LivePlace | undefined;
}

export interface LivePage {
  readonly total: number;
  readonly matching: number;
  readonly exchanges: readonly LiveExchange[];
  /** The `after` of the next page. Undefined on the last one. */
  readonly next?: string;
  /** The numbers of workers whose part is missing, since they did not answer in time. */
  readonly unanswered?: readonly number[];
}

/** @returns below 0 if `one` comes first */
export function comparePlaces(one: LivePlace, other: LivePlace): number {
  if (one.key !== other.key) return one.key - other.key;
  if (one.id === other.id) return 0;
  return one.id < other.id ? -1 : 1;
}

export function mergeLiveParts(parts: readonly LivePart[], { sort, limit }: LiveQuery): LivePage {
  const end = parts
    .flatMap((part) => part.end ?? [])
    .toSorted(comparePlaces)
    .at(0);
  // Behind the end of one part, calls of its process may come before those of the others.
  const all = parts
    .flatMap(({ exchanges, keys }) =>
      exchanges.map((exchange, index) => ({ exchange, place: { key: keys[index], id: exchange.id } })),
    )
    .filter(({ place }) => end === undefined || comparePlaces(place, end) <= 0)
    .toSorted((one, other) => comparePlaces(one.place, other.place));
  const found = all.slice(0, limit);
  const next = all.length > limit ? found.at(-1)?.place : end;
  return {
    total: parts.reduce((sum, { total }) => sum + total, 0),
    matching: parts.reduce((sum, { matching }) => sum + matching, 0),
    exchanges: found.map(({ exchange }) => exchange),
    ...(next !== undefined && { next: cursorOf(sort, next) }),
  };
}

export function cursorOf(sort: LiveSort, { key, id }: LivePlace): string {
  return `${sort}:${key}:${id}`;
}

/** @returns undefined for a text that is no cursor of this order */
export function placeOfCursor(text: string, sort: LiveSort): LivePlace | undefined {
  const [, named, digits, id] = /^([a-z]+):(-?\d{1,16}(?:\.\d{1,16})?):([0-9a-f]{32})$/.exec(text) ?? [];
  return named === sort ? { key: Number(digits), id } : undefined;
}
