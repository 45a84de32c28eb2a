// Where a process gets its leases: it gathers what the quotas of one store want, asks for many keys at a time, and gives the answers to
// the quotas. It knows whether each store can be reached. Everything it keeps is bounded.

import { createHash } from 'node:crypto';
import type { AskForLeases, LeaseAnswer, LeaseAsk, StoreState } from '../config/lease-messages.ts';
import type { StoreConfig } from '../config/stores-config.ts';
import type { Lease, LeaseNeed } from './lease.ts';
import { GIVE_UP_MS } from './lease.ts';
import { MOST_LEASES } from './lease-table.ts';
import type { LeaseTerms } from './lease-terms.ts';
import { LeasedQuota, type StoreLink } from './leased-quota.ts';

/** How long wants are gathered before the store is asked: a question about many keys costs hardly more than one about one. */
const GATHER_MS = 20;
/** How long wants are gathered if a call waits, or was refused for lack of tokens that the store may have. */
const GATHER_URGENT_MS = 2;
/** How many keys one question is about at most. */
const MOST_KEYS = 256;
/** How many questions about one limit may be open, so that one whose questions hang (in a cluster, a node has all of them) holds up no other. */
const MOST_OPEN = 16;
/** How many questions to one store may be open before each limit may have one alone. */
const MOST_OPEN_IN_ALL = 64;
/** How many leases of one limit may wait for a question. Others are not asked about until their next call. */
const MOST_WANTS = MOST_LEASES;

export interface LeaseDeskParts {
  /** Monotonic milliseconds. For tests. */
  readonly now?: () => number;
  /** A smaller number of keys for tests. */
  readonly mostKeys?: number;
}

interface OpenQuestion {
  readonly quota: LeasedQuota;
  readonly link: Link;
  readonly leases: readonly Lease[];
  readonly needs: readonly LeaseNeed[];
  readonly askedAtMs: number;
}

export class LeaseDesk {
  /** How many processes of this machine carry calls. */
  processes: () => number = () => 1;
  readonly #parts: LeaseDeskParts;
  readonly #now: () => number;
  readonly #links = new Map<string, Link>();
  /** In the order in which they were asked. */
  readonly #open = new Map<number, OpenQuestion>();
  /** The leases that the next questions are about. */
  #wants = new Map<LeasedQuota, Lease[]>();
  /** How many questions about a limit have no answer yet. Those that have none open are not in it. */
  readonly #openOf = new Map<LeasedQuota, number>();
  #lastNumber = 0;
  #timer: NodeJS.Timeout | undefined = undefined;
  /** Whether the timer is for wants that cannot wait. */
  #isUrgent = false;
  #patience: NodeJS.Timeout | undefined = undefined;
  #ask: ((ask: LeaseAsk) => void) | undefined = undefined;

  constructor(parts: LeaseDeskParts = {}) {
    this.#parts = parts;
    this.#now = parts.now ?? (() => performance.now());
  }

  /** Asks the stores by this function from now on, and takes its answers. */
  connect(ask: AskForLeases): void {
    this.askBy((question) => ask(question, (answer) => this.answered(answer)));
  }

  /** Asks the stores by this function from now on, which must not answer at once. Without it no store is up. */
  readonly askBy = (ask: (ask: LeaseAsk) => void): void => {
    this.#ask = ask;
  };

  /** Tokens of a limit that a store counts. @param terms `limit` may be any text: the store sees its hash */
  quotaFor(terms: LeaseTerms): LeasedQuota {
    const limit = shortHash(terms.limit);
    return new LeasedQuota({ ...terms, limit }, this.#linkTo(terms.store), this.#parts.mostKeys);
  }

  /** Call it when a configuration is put to use. */
  use(stores: readonly Pick<StoreConfig, 'name' | 'failure'>[]): void {
    for (const { name, failure } of stores) this.#linkTo(name).changeFailure(failure);
    for (const [name, link] of this.#links) if (!stores.some((store) => store.name === name)) link.remove();
  }

  #linkTo(store: string): Link {
    const known = this.#links.get(store);
    if (known !== undefined) return known;
    const link = new Link(
      () => this.processes(),
      this.#now,
      (...wanted) => this.#want(...wanted),
    );
    this.#links.set(store, link);
    return link;
  }

  /** Whether a store can be reached was found out. Those of former configurations are remembered: there are as many as an operator writes. */
  storeChanged({ store, isUp, holders }: StoreState): void {
    this.#linkTo(store).change(isUp, Math.max(1, holders));
  }

  #want(quota: LeasedQuota, lease: Lease, isUrgent: boolean): void {
    if (!lease.isQueued) {
      const leases = this.#wants.get(quota);
      if (leases !== undefined && leases.length >= MOST_WANTS) return;
      lease.isQueued = true;
      if (leases === undefined) this.#wants.set(quota, [lease]);
      else leases.push(lease);
    }
    if (this.#timer !== undefined && (this.#isUrgent || !isUrgent)) return;
    clearTimeout(this.#timer);
    this.#isUrgent = isUrgent;
    this.#timer = setTimeout(() => this.flush(), isUrgent ? GATHER_URGENT_MS : GATHER_MS).unref();
  }

  /** Asks about what was gathered. Called by a timer; and by tests. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isUrgent = false;
    // What has no question now is the first to get one.
    const turns = [...this.#wants];
    this.#wants = new Map();
    for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) {
      const [quota, leases] = turn;
      const link = this.#linkTo(quota.terms.store);
      const most = link.open >= MOST_OPEN_IN_ALL ? 1 : MOST_OPEN;
      if ((this.#openOf.get(quota) ?? 0) >= most) this.#wants.set(quota, leases);
      else {
        this.#question(quota, link, leases.splice(0, MOST_KEYS));
        // The others come before it has a second question.
        if (leases.length > 0) turns.push(turn);
      }
    }
    if (this.#wants.size > 0) this.#timer ??= setTimeout(() => this.flush(), GATHER_URGENT_MS).unref();
  }

  #question(quota: LeasedQuota, link: Link, leases: readonly Lease[]): void {
    const number = ++this.#lastNumber;
    const needs = leases.map((lease) => quota.asked(lease, number));
    const { store, limit, ratePerSecond, burst } = quota.terms;
    this.#openOf.set(quota, (this.#openOf.get(quota) ?? 0) + 1);
    link.open++;
    this.#open.set(number, { quota, link, leases, needs, askedAtMs: this.#now() });
    this.#patience ??= setTimeout(() => this.#giveUp(), GIVE_UP_MS).unref();
    this.#ask?.({
      number,
      store,
      limit,
      ratePerSecond,
      burst,
      keys: leases.map(hashOf),
      owed: needs.map(({ owed }) => owed),
      least: needs.map(({ least }) => least),
      wanted: needs.map(({ wanted }) => wanted),
    });
  }

  /** Answers to questions that are not open any more are ignored. */
  answered({ number, leases: found }: LeaseAnswer): void {
    const question = this.#open.get(number);
    if (question === undefined) return;
    this.#open.delete(number);
    const { quota, link, leases, needs } = question;
    link.open--;
    const open = (this.#openOf.get(quota) ?? 1) - 1;
    if (open > 0) this.#openOf.set(quota, open);
    else this.#openOf.delete(quota);
    for (const [at, lease] of leases.entries()) {
      if (found === undefined) quota.unanswered(lease, needs[at]);
      else quota.answered(lease, needs[at], found, at);
    }
  }

  /** Answers may have been lost with the process that talks to the store. */
  #giveUp(): void {
    this.#patience = undefined;
    const beforeMs = this.#now() - GIVE_UP_MS;
    const late = [...this.#open].filter(([, { askedAtMs }]) => askedAtMs <= beforeMs);
    for (const [number] of late) this.answered({ number });
    const [oldest] = this.#open.values();
    if (oldest !== undefined)
      this.#patience ??= setTimeout(() => this.#giveUp(), Math.max(1, oldest.askedAtMs - beforeMs)).unref();
  }

  close(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#patience);
    this.#timer = undefined;
    this.#wants.clear();
    this.#ask = undefined;
  }
}

/** What is known of one store. */
class Link implements StoreLink {
  isUp = false;
  /** How many questions have no answer yet. */
  open = 0;
  outage = 0;
  failure: StoreConfig['failure'] = 'local';
  /** How many processes share the store, as it has said itself. Undefined until then. */
  told: number | undefined = undefined;
  readonly queue: StoreLink['queue'];
  readonly nowMs: () => number;
  readonly #processes: () => number;
  /** Of those that wait for tokens. */
  #watchers = new Set<() => void>();

  constructor(processes: () => number, nowMs: () => number, queue: StoreLink['queue']) {
    this.#processes = processes;
    this.nowMs = nowMs;
    this.queue = queue;
  }

  get holders(): number {
    return this.told ?? Math.max(1, this.#processes());
  }

  change(isUp: boolean, holders: number): void {
    this.told = holders;
    if (this.isUp === isUp) return;
    if (!isUp) this.outage++;
    this.isUp = isUp;
    this.#tell();
  }

  changeFailure(failure: StoreConfig['failure']): void {
    if (this.failure === failure) return;
    this.failure = failure;
    this.#tell();
  }

  /** No configuration names the store any more. Streams of former ones go on by the share of this process, whatever held in an outage. */
  remove(): void {
    this.failure = 'local';
    this.change(false, this.holders);
  }

  watch(onChange: () => void): () => void {
    const watchers = this.#watchers;
    watchers.add(onChange);
    return () => watchers.delete(onChange);
  }

  /** Those that go on waiting watch again, and are told of the next change. */
  #tell(): void {
    const watchers = this.#watchers;
    this.#watchers = new Set();
    for (const tell of watchers) tell();
  }
}

function hashOf(lease: Lease): string {
  lease.hash ??= shortHash(lease.key);
  return lease.hash;
}

/** 128 bits of SHA-256: a store sees no address, no identity and no header field. */
function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}
