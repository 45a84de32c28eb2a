// The calls in flight, read again and again from `api/exchanges` while somebody looks: as many pages as the reader has scrolled through.

import { authorization, refusalOf } from '../feed/figures-feed.ts';

/** What the page shows of a call. docs/admin-api.md describes the fields. */
export interface LiveCall {
  readonly id: string;
  readonly worker?: number;
  readonly requestId: string;
  readonly listener: string;
  readonly client: string;
  readonly authority: string;
  readonly method: string;
  readonly route: string;
  readonly upstream: string;
  readonly protocol: string;
  readonly ageMs: number;
  readonly state: string;
  readonly waitsFor?: string;
  readonly attempt: number;
  readonly endpoint: string;
  readonly request: LiveDirection;
  readonly response: LiveDirection;
  readonly silentMs: number;
  readonly blocked: {
    readonly by: string;
    readonly how: string;
    readonly forMs: number;
    readonly sentence: string;
  };
}

export interface LiveDirection {
  readonly bytes: number;
  readonly messages: number;
  readonly silentMs?: number;
  readonly hasEnded: boolean;
  readonly waitingBytes: number;
  readonly pacedMs?: number;
}

export interface LiveCallsPage {
  readonly total: number;
  readonly matching: number;
  readonly exchanges: readonly LiveCall[];
  readonly next?: string;
}

export interface LiveCallsQuery {
  /** '' for all. */
  readonly blocked: string;
  readonly sort: 'age' | 'silent' | 'bytes';
  /** A path or its beginning; '' for all. */
  readonly method: string;
}

export interface LiveCallsFound {
  readonly total: number;
  readonly matching: number;
  readonly calls: readonly LiveCall[];
}

/** The most that one answer of the proxy has. */
const PAGE = 1000;
/** The page shows no more: a filter finds a call better than scrolling. */
export const MOST_CALLS = 10_000;

export interface LiveCallsParts {
  readonly fetch: (url: string, options: RequestInit) => Promise<Response>;
  readonly token: () => string | undefined;
}

/** @throws with a sentence if the proxy does not answer */
export async function readLiveCalls(
  query: LiveCallsQuery,
  wanted: number,
  { fetch, token }: LiveCallsParts,
): Promise<LiveCallsFound> {
  // A call may be on two pages if it changes its place meanwhile.
  const calls = new Map<string, LiveCall>();
  let after: string | undefined;
  for (;;) {
    const limit = Math.min(PAGE, wanted - calls.size);
    const options = { headers: authorization(token()) };
    const response = await fetch(`api/exchanges?${searchOf(query, limit, after)}`, options);
    if (response.status !== 200) throw new Error(await refusalOf(response));
    const page: LiveCallsPage = JSON.parse(await response.text());
    for (const call of page.exchanges) calls.set(call.id, call);
    after = page.next;
    if (after === undefined || calls.size >= wanted || page.exchanges.length === 0)
      return { total: page.total, matching: page.matching, calls: [...calls.values()] };
  }
}

export function searchOf({ blocked, sort, method }: LiveCallsQuery, limit: number, after?: string): string {
  const search = new URLSearchParams({ sort, limit: String(limit) });
  if (blocked !== '') search.set('blocked', blocked);
  const path = method.trim();
  if (path !== '')
    search.set('method', `${path.startsWith('/') ? '' : '/'}${path}${path.endsWith('*') ? '' : '*'}`);
  if (after !== undefined) search.set('after', after);
  return String(search);
}
