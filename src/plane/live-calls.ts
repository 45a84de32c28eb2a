// Answers questions about the calls in flight of this process, one after the other. The work per turn of the event loop is bounded: between the
// turns calls come and go, and a call that has gone is left out.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { fitsIdentity, fitsMethod } from '../calls/event-query.ts';
import {
  type Blocker,
  type LiveAttempt,
  type LiveDirection,
  type LiveExchange,
  liveSideOf,
} from '../calls/live-exchange.ts';
import type { LivePart, LivePlace, LiveQuery } from '../calls/live-query.ts';
import { comparePlaces } from '../calls/live-query.ts';
import type { RequestIds } from '../calls/request-id.ts';
import { shownPath } from '../calls/shown-path.ts';
import { type PeerFacts, whoBlocks } from '../calls/who-blocks.ts';
import { endpointKey } from '../observability/figure-layouts.ts';
import { harmlessText, textOfBytes } from '../observability/json-text.ts';
import type { AttemptState } from '../relay/attempts.ts';
import { factsOf, isLive, type LiveFacts, type LookedAt, silentMsOf } from '../relay/live-facts.ts';
import { epochMsOf } from '../transport/turn-clock.ts';
import { ClientFilter } from './client-filter.ts';

/** After this time other events get their turn: as long as one connection may take of a turn. */
const MOST_AT_ONCE_MS = 1;
/** So many calls, and connections, are looked at between two looks at the clock. */
const CALLS_PER_LOOK = 32;
/** The longest text of a client, in characters. The access log cuts paths at about this length, too. */
const LONGEST_TEXT = 400;

/** How many calls each of them blocks now. */
export type BlockedCounts = Readonly<Record<Exclude<Blocker, 'nobody'>, number>>;

export class LiveCalls<Call extends LookedAt> {
  readonly #groups: () => Iterable<readonly Call[]>;
  readonly #requestIds: RequestIds;
  /** Resolves when the question asked last is answered. */
  #answered: Promise<unknown> = Promise.resolve();

  /** @param groups the calls of one connection after the other, as they are when their turn comes */
  constructor(groups: () => Iterable<readonly Call[]>, requestIds: RequestIds) {
    this.#groups = groups;
    this.#requestIds = requestIds;
  }

  find(query: LiveQuery): Promise<LivePart> {
    return this.#inTurn(() => this.#find(query));
  }

  /** Resolves to how many calls each side blocks. */
  countBlocked(): Promise<BlockedCounts> {
    return this.#inTurn(() => this.#countBlocked());
  }

  /** Resolves to how many calls their service holds up at each endpoint that has some, by `endpointKey`. */
  countHeldUp(): Promise<ReadonlyMap<string, number>> {
    return this.#inTurn(() => this.#countHeldUp());
  }

  /** Several questions at a time would add up what they take of a turn, so each waits for those before it. */
  #inTurn<Answer>(answer: () => Promise<Answer>): Promise<Answer> {
    const answered = this.#answered.then(answer);
    this.#answered = answered.catch(() => undefined);
    return answered;
  }

  async #countBlocked(): Promise<BlockedCounts> {
    const counts = { client: 0, service: 0, framegate: 0 };
    await this.#judgeAll((_call, _facts, by) => {
      counts[by]++;
    });
    return counts;
  }

  async #countHeldUp(): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    await this.#judgeAll(({ subject }, { attempts }, by) => {
      const main = attempts.at(0);
      if (by !== 'service' || main?.stage !== 'sent' || main.sentAtMs === 0) return;
      const key = endpointKey(subject.upstream, main.endpoint);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    });
    return counts;
  }

  /** Tells of each call that somebody blocks. */
  async #judgeAll(
    tell: (call: Call, facts: LiveFacts, by: Exclude<Blocker, 'nobody'>) => void,
  ): Promise<void> {
    const pace = new Pace();
    for (const group of this.#groups()) {
      if (pace.isOver) await pace.rest();
      for (const call of group) {
        if (pace.isOver) await pace.rest();
        if (!isLive(call)) continue;
        const facts = factsOf(call, performance.now());
        const { by } = whoBlocks(facts);
        if (by !== 'nobody') tell(call, facts, by);
      }
    }
  }

  async #find(query: LiveQuery): Promise<LivePart> {
    const pace = new Pace();
    const first = new FirstPlaces<Call>(query.limit);
    const idOf = (number: number): string => this.#requestIds.text(number);
    const client = query.client === undefined ? undefined : new ClientFilter(query.client);
    const asked = { query, client, idOf };
    let total = 0;
    let matching = 0;
    for (const group of this.#groups()) {
      // Thousands of connections may have no calls.
      if (pace.isOver) await pace.rest();
      for (const call of group) {
        if (pace.isOver) await pace.rest();
        const nowMs = performance.now();
        if (!isLive(call)) continue;
        total++;
        if (!matches(call, asked, nowMs)) continue;
        matching++;
        const key = keyOf(call, query, nowMs);
        if (query.after === undefined || isBehind(call, key, query.after, idOf)) first.add(call, key);
      }
    }
    const exchanges: LiveExchange[] = [];
    const keys: number[] = [];
    for (const { call, key } of first.taken) {
      if (pace.isOver) await pace.rest();
      // A call that has ended meanwhile is left out, so the page is shorter than its limit.
      if (!isLive(call)) continue;
      exchanges.push(describe(call, idOf));
      keys.push(key);
    }
    const { end } = first;
    return {
      total,
      matching,
      exchanges,
      keys,
      ...(end !== undefined && { end: { key: end.key, id: idOf(end.call.number) } }),
    };
  }
}

/** Says when a long task is to let others have their turn. */
class Pace {
  #sinceMs = performance.now();
  #untilLook = CALLS_PER_LOOK;

  get isOver(): boolean {
    if (--this.#untilLook > 0) return false;
    this.#untilLook = CALLS_PER_LOOK;
    return performance.now() - this.#sinceMs >= MOST_AT_ONCE_MS;
  }

  async rest(): Promise<void> {
    await nextTurn();
    this.#sinceMs = performance.now();
  }
}

interface Placed<Call> {
  readonly call: Call;
  readonly key: number;
}

/** Keeps the first calls in the order of their keys, without sorting all of them. */
class FirstPlaces<Call extends { readonly number: number }> {
  readonly #limit: number;
  #placed: Placed<Call>[] = [];
  /** Calls behind this key are not among the first. */
  #lastKey = Number.POSITIVE_INFINITY;
  #hasMore = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(call: Call, key: number): void {
    if (key > this.#lastKey) {
      this.#hasMore = true;
      return;
    }
    this.#placed.push({ call, key });
    if (this.#placed.length >= 2 * this.#limit + CALLS_PER_LOOK) this.#cut();
  }

  get taken(): readonly Placed<Call>[] {
    this.#cut();
    return this.#placed;
  }

  /** The last of them, if there are more behind it. */
  get end(): Placed<Call> | undefined {
    return this.#hasMore ? this.taken.at(-1) : undefined;
  }

  #cut(): void {
    // The ids of one process are in the order of its numbers.
    this.#placed.sort((one, other) => one.key - other.key || one.call.number - other.call.number);
    if (this.#placed.length <= this.#limit) return;
    this.#hasMore = true;
    this.#placed.length = this.#limit;
    this.#lastKey = this.#placed[this.#limit - 1].key;
  }
}

/** What a call is asked by a query. */
interface Asked {
  readonly query: LiveQuery;
  readonly client: ClientFilter | undefined;
  readonly idOf: (number: number) => string;
}

function matches(call: LookedAt, { query, client, idOf }: Asked, nowMs: number): boolean {
  const { subject } = call;
  if (query.route !== undefined && subject.route !== query.route) return false;
  if (query.upstream !== undefined && subject.upstream !== query.upstream) return false;
  if (query.method !== undefined && !fitsMethod(shownPath(subject.method), query.method)) return false;
  if (client?.fits(subject) === false) return false;
  if (query.identity !== undefined && !fitsIdentity(call.identity, query.identity)) return false;
  if (query.minAgeMs !== undefined && nowMs - call.startedAtMs < query.minAgeMs) return false;
  if (query.minSilentMs !== undefined && silentMsOf(call, nowMs) < query.minSilentMs) return false;
  if (query.id !== undefined && idOf(call.number) !== query.id) return false;
  if (query.endpoint !== undefined && !isAt(call, query.endpoint)) return false;
  if (query.state === undefined && query.blocked === undefined) return true;
  const facts = factsOf(call, nowMs);
  if (query.state !== undefined && facts.state !== query.state) return false;
  return query.blocked === undefined || whoBlocks(facts).by === query.blocked;
}

function isAt({ parts }: LookedAt, endpoint: string): boolean {
  return parts.attempts.states.some((one) => one.stage === 'sent' && one.endpoint === endpoint);
}

/** The calls with the smallest keys come first. */
function keyOf(call: LookedAt, { sort }: LiveQuery, nowMs: number): number {
  if (sort === 'age') return epochMsOf(call.startedAtMs);
  if (sort === 'silent') return epochMsOf(Math.floor(nowMs) - silentMsOf(call, nowMs));
  return -(call.request.bytes + call.response.bytes);
}

function isBehind(
  { number }: LookedAt,
  key: number,
  after: LivePlace,
  idOf: (number: number) => string,
): boolean {
  // The text of an id is made only where it decides.
  return key === after.key ? comparePlaces({ key, id: idOf(number) }, after) > 0 : key > after.key;
}

function describe(call: LookedAt, idOf: (number: number) => string): LiveExchange {
  const nowMs = performance.now();
  const facts = factsOf(call, nowMs);
  const { subject, requestId, startedAtMs, trace } = call;
  return {
    id: idOf(call.number),
    requestId: typeof requestId === 'number' ? idOf(requestId) : shown(requestId),
    ...(trace !== undefined && { traceId: trace.traceId }),
    listener: subject.listener,
    client: subject.client,
    tls: subject.tls,
    authority: shown(subject.authority),
    method: shown(shownPath(subject.method)),
    route: subject.route,
    upstream: subject.upstream,
    ...(call.identity !== undefined && { identity: call.identity }),
    protocol: facts.protocol,
    startedAt: new Date(epochMsOf(startedAtMs)).toISOString(),
    ageMs: facts.ageMs,
    state: facts.state,
    ...(facts.waits !== undefined && { waitsFor: facts.waits.text }),
    ...describeProgress(call, facts, nowMs),
    blocked: whoBlocks(facts),
  };
}

function describeProgress(
  { request, response, admission }: LookedAt,
  { attempts, client, service }: LiveFacts,
  nowMs: number,
): Pick<LiveExchange, 'attempt' | 'endpoint' | 'attempts' | 'request' | 'response' | 'silentMs' | 'windows'> {
  const [main] = attempts;
  return {
    attempt: main?.number ?? 0,
    endpoint: main?.stage === 'sent' ? main.endpoint : '',
    attempts: attempts.map((attempt) => describeAttempt(attempt, nowMs)),
    request: direction(request, client, service.owedBytes, admission?.paced?.request?.msAt(nowMs)),
    response: direction(response, service, client.owedBytes, admission?.paced?.response?.msAt(nowMs)),
    silentMs: silentMsOf({ request, response }, nowMs),
    windows: {
      client: client.room === undefined ? { unsentBytes: 0 } : liveSideOf(client.room),
      ...(service.room !== undefined && { service: liveSideOf(service.room) }),
    },
  };
}

function describeAttempt(attempt: AttemptState, nowMs: number): LiveAttempt {
  const { number } = attempt;
  if (attempt.stage === 'queued') return { number, state: 'waiting_for_endpoint' };
  if (attempt.stage === 'paused') return { number, state: 'waiting_for_retry' };
  const { endpoint, sentAtMs } = attempt;
  if (sentAtMs === 0) return { number, state: 'waiting_for_endpoint', endpoint };
  return { number, state: 'sent', endpoint, ageMs: Math.max(0, Math.floor(nowMs - sentAtMs)) };
}

function direction(
  { bytes, messages }: LookedAt['request'],
  { silentMs, hasEnded }: PeerFacts,
  waitingBytes: number,
  pacedMs: number | undefined,
): LiveDirection {
  const paced = pacedMs === undefined ? {} : { pacedMs };
  return { bytes, messages, silentMs, hasEnded, waitingBytes, ...paced };
}

function shown(text: string): string {
  const whole = harmlessText(textOfBytes(text));
  return whole.length > LONGEST_TEXT ? `${whole.slice(0, LONGEST_TEXT).toWellFormed()}…` : whole;
}
