// Moves long streams to an endpoint that has joined or come back: the oldest streams of the other endpoints, as far as these have more than
// their fair share, are ended over the time of `streams.rebalance`, each at a moment of its own. The stream that a client opens instead goes
// to the endpoint that is furthest below its share. Each worker moves its own streams.

import type { Agenda } from './agenda.ts';
import type { Endpoint } from './endpoint.ts';
import type { PlaceUser } from './place-user.ts';

/** A call that is younger than this, or than a tenth of the whole time, most likely ends by itself. */
const LEAST_AGE_MS = 1000;
/** How long a client may take to open its stream again. */
const RETURN_MS = 60_000;
/** A stream whose turn has come waits at least this long for an endpoint that can take it. */
const LEAST_PAUSE_MS = 50;
/** Shares are fractions, whose sums are not exact. */
const ROUNDING = 1e-6;

export interface RebalancePlan {
  /** How many streams are ended. */
  readonly streams: number;
  /** Over which time. */
  readonly overMs: number;
  /** The endpoints that are new or back. */
  readonly joined: readonly Endpoint[];
}

export interface RebalancingParts<Candidate extends Endpoint> {
  readonly overMs: number;
  readonly agenda: Agenda;
  readonly endpoints: () => readonly Candidate[];
  /** The part of all calls that an endpoint should carry, from 0 to 1. */
  shareOf(endpoint: Candidate): number;
  readonly end: (call: PlaceUser) => void;
  /** Streams are ended from now on. */
  readonly onPlan: (plan: RebalancePlan) => void;
  /** From 0 to less than 1. */
  readonly random: () => number;
}

export class Rebalancing<Candidate extends Endpoint> {
  readonly #parts: RebalancingParts<Candidate>;
  /** How many streams of a client and method were ended and not opened again. */
  readonly #expected = new Map<string, number>();
  /** Counts the plans: a new one takes the place of the one before. */
  #plan = 0;

  constructor(parts: RebalancingParts<Candidate>) {
    this.#parts = parts;
  }

  /** Whether streams are expected back. */
  get isExpecting(): boolean {
    return this.#expected.size > 0;
  }

  /** @param joined those that are new or back */
  plan(nowMs: number, joined: readonly Endpoint[]): void {
    const { agenda, overMs, random } = this.#parts;
    const plan = ++this.#plan;
    const excess = this.#excess(nowMs);
    const items = excess.flatMap(({ endpoint, count }) =>
      Array.from({ length: count }, (_, index) => ({
        atMs: nowMs + (overMs * (index + random())) / count,
        action: () => this.#turn(endpoint, plan, nowMs + 2 * overMs),
      })),
    );
    const forget = (): void => {
      if (plan === this.#plan) this.#expected.clear();
    };
    // What an earlier plan still expects is forgotten by this one.
    if (items.length > 0 || this.isExpecting)
      agenda.add([...items, { atMs: nowMs + overMs + RETURN_MS, action: forget }]);
    if (items.length === 0) return;
    this.#connect();
    this.#parts.onPlan({ streams: items.length, overMs, joined });
  }

  /** Those whose streams are counted. One that is kept out or cannot be reached gets no calls for now, but keeps those that run there. */
  get #counted(): readonly Candidate[] {
    return this.#parts.endpoints().filter((endpoint) => this.#counts(endpoint));
  }

  #counts(endpoint: Candidate): boolean {
    return endpoint.isUsable || this.#parts.shareOf(endpoint) > 0;
  }

  #excess(nowMs: number): readonly { readonly endpoint: Candidate; readonly count: number }[] {
    const bornBefore = nowMs - Math.min(LEAST_AGE_MS, this.#parts.overMs / 10);
    const counted = this.#counted.map((endpoint) => {
      const long = Array.from(endpoint.calls).filter(
        ({ sentAtMs }) => sentAtMs !== 0 && sentAtMs <= bornBefore,
      );
      return { endpoint, long: long.length, share: this.#parts.shareOf(endpoint) };
    });
    const streams = counted.reduce((sum, { long }) => sum + long, 0);
    const shares = counted.reduce((sum, { share }) => sum + share, 0);
    if (shares === 0) return [];
    return counted
      .map(({ endpoint, long, share }) => ({
        endpoint,
        count: Math.max(0, Math.floor(long - (streams * share) / shares + ROUNDING)),
      }))
      .filter(({ count }) => count > 0);
  }

  /** Ends the oldest stream of an endpoint that still has too many, as soon as there is another with too few that can take it. */
  #turn(endpoint: Candidate, plan: number, untilMs: number): void {
    const { agenda, overMs, random } = this.#parts;
    const calls = this.#countCalls();
    const excess = endpoint.activeCalls - this.#fair(endpoint, calls);
    if (plan !== this.#plan || excess <= 0 || !this.#counts(endpoint)) return;
    // Short calls change the counts for a moment.
    if (excess >= 0.5 && this.#neediest(calls, (other) => other !== endpoint) !== undefined) {
      this.#endOldest(endpoint);
      return;
    }
    this.#connect();
    const atMs = performance.now() + Math.max(LEAST_PAUSE_MS, (overMs / 10) * random());
    if (atMs < untilMs) agenda.add([{ atMs, action: () => this.#turn(endpoint, plan, untilMs) }]);
  }

  /** Connects endpoints that have less than their share. No call may come that does so. */
  #connect(): void {
    const calls = this.#countCalls();
    for (const endpoint of this.#parts.endpoints())
      if (!endpoint.isPickable && endpoint.activeCalls < this.#fair(endpoint, calls))
        endpoint.seekCapacity(performance.now());
  }

  #endOldest(endpoint: Candidate): void {
    const parts = this.#parts;
    let oldest: PlaceUser | undefined;
    for (const call of endpoint.calls)
      if (call.sentAtMs !== 0 && (oldest === undefined || call.sentAtMs < oldest.sentAtMs)) oldest = call;
    if (oldest === undefined) return;
    const key = keyOf(oldest.holding.key, oldest.method);
    this.#expected.set(key, (this.#expected.get(key) ?? 0) + 1);
    parts.end(oldest);
  }

  #fair(endpoint: Candidate, calls: number): number {
    return this.#parts.shareOf(endpoint) * calls;
  }

  #countCalls(): number {
    return this.#counted.reduce((sum, { activeCalls }) => sum + activeCalls, 0);
  }

  /** Of the endpoints that can take a call and have less than their share, the one that has the least of it. */
  #neediest(calls: number, accepts: (endpoint: Candidate) => boolean): Candidate | undefined {
    let found: Candidate | undefined;
    let least = 1;
    for (const endpoint of this.#parts.endpoints()) {
      const fair = this.#fair(endpoint, calls);
      if (fair === 0 || endpoint.activeCalls / fair >= least || !endpoint.isPickable || !accepts(endpoint))
        continue;
      least = endpoint.activeCalls / fair;
      found = endpoint;
    }
    return found;
  }

  /** @returns where a call goes that takes the place of an ended stream. Undefined if it does not, or no endpoint needs it */
  target(client: string, method: string, accepts: (endpoint: Candidate) => boolean): Candidate | undefined {
    const key = keyOf(client, method);
    const expected = this.#expected.get(key);
    if (expected === undefined) return undefined;
    const target = this.#neediest(this.#countCalls() + 1, accepts);
    if (target === undefined) return undefined;
    if (expected === 1) this.#expected.delete(key);
    else this.#expected.set(key, expected - 1);
    return target;
  }
}

function keyOf(client: string, method: string): string {
  return `${client} ${method}`;
}
