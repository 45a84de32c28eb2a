// The tokens of a limit that several machines share. They are taken from leases, which the store grants ahead of time. What a process may
// spend before the store has heard of it is bounded (lease-terms.ts). A call that comes beyond that may wait for the store (`learn`), for
// PATIENCE_MS at most.

import type { AnnouncedTokens } from '../calls/flow-limits.ts';
import type { Leases } from '../config/lease-messages.ts';
import { AnnouncedLevel } from './announced-level.ts';
import { AnnouncedMessage, type AnnouncedSum } from './announced-tokens.ts';
import { Lease, type LeaseNeed, NO_OUTAGE } from './lease.ts';
import { LeaseTable } from './lease-table.ts';
import { advanceOf, type LeaseTerms, leaseOf, shortAdvanceOf } from './lease-terms.ts';
import { LocalShare, type ShareLink } from './local-share.ts';
import type { Quota } from './quota.ts';

/** How long a question to the store may take before what the configuration says for its failure counts. No call waits longer. */
const PATIENCE_MS = 50;
/** A store that has granted less than was wanted is not asked again sooner. */
const REST_MS = 50;
/** Where the store has not answered about a key, `failure` decides until it does, or until no call has come for so long. The next one waits again. */
const LATE_MS = 1000;
/** What clients are told to wait where the store has failed and `failure` is `closed`. */
const CLOSED_MS = 1000;
/** However hostile a store is, a key waits for an hour at most before it is asked about again. */
const LONGEST_WAIT_MS = 3_600_000;

/** What a quota needs to know of its store. */
export interface StoreLink extends ShareLink {
  /** What counts while the store does not answer: the local share of the limit, nothing, or everything is refused. */
  readonly failure: 'local' | 'open' | 'closed';
  /** Asks about this lease with the next question. @param isUrgent a call waits, or was refused */
  queue(quota: LeasedQuota, lease: Lease, isUrgent: boolean): void;
  /** @param onChange is called once, when the store is lost or found, or another `failure` applies. @returns ends this */
  watch(onChange: () => void): () => void;
  nowMs(): number;
}

export class LeasedQuota implements Quota, AnnouncedSum<Lease> {
  readonly learnWithinMs = PATIENCE_MS;
  readonly #link: StoreLink;
  readonly #table: LeaseTable;
  #terms: LeaseTerms;
  #lease: number;
  #lowTokens: number;
  #localShare: LocalShare | undefined = undefined;
  /** Whether the last `take` has taken tokens for what it has let pass. */
  #hasTaken = true;

  /** @param mostKeys a smaller number of keys for tests */
  constructor(terms: LeaseTerms, link: StoreLink, mostKeys?: number) {
    this.#terms = terms;
    this.#link = link;
    this.#table = new LeaseTable(mostKeys);
    this.#lease = leaseOf(terms);
    this.#lowTokens = this.#lease / 2;
  }

  get terms(): LeaseTerms {
    return this.#terms;
  }

  get burst(): number {
    return this.#terms.burst;
  }

  get perMs(): number {
    return this.#terms.ratePerSecond / 1000;
  }

  get nowMs(): number {
    return this.#link.nowMs();
  }

  /**
   * Other terms of the same limit apply from now on. What was spent stays so. What this process has announced, counts alone, or has not told
   * the store is no more than an empty bucket by the new terms, and no more may be leased. The store keeps the debt that it knows: machines
   * reload one after another, and what one forgave, those with the former terms would spend once more.
   */
  change({ ratePerSecond, burst }: Pick<LeaseTerms, 'ratePerSecond' | 'burst'>): void {
    if (ratePerSecond === this.#terms.ratePerSecond && burst === this.#terms.burst) return;
    const nowMs = this.#link.nowMs();
    for (const lease of this.#table.leases()) {
      lease.announced?.change(burst, nowMs, this.perMs);
      if (lease.room === undefined) continue;
      lease.room = Math.min(lease.roomAt(nowMs, this.#terms), burst);
      lease.roomAtMs = nowMs;
    }
    this.#terms = { ...this.#terms, ratePerSecond, burst };
    this.#localShare = undefined;
    this.#lease = leaseOf(this.#terms);
    this.#lowTokens = this.#lease / 2;
    const emptyAtMs = nowMs + this.#share.fullAfterMs;
    for (const lease of this.#table.leases()) {
      lease.tokens = Math.min(lease.tokens, this.#lease);
      lease.owed = Math.min(lease.owed, burst);
      lease.advance = Math.min(lease.advance, shortAdvanceOf(this.#terms));
      lease.paidAtMs = Math.min(lease.paidAtMs, emptyAtMs);
      // The store may have tokens sooner than it has said.
      lease.notBeforeMs = 0;
    }
  }

  take(key: string, count: number): number {
    // Nearly all calls end here, without a look at the clock.
    const known = this.#table.findYoung(key);
    this.#hasTaken = true;
    if (known !== undefined && known.tokens - count > this.#lowTokens) {
      known.tokens -= count;
      return 0;
    }
    const nowMs = this.#link.nowMs();
    const lease = known ?? this.#find(key, nowMs);
    if (lease.tokens < count) return Math.ceil(this.#takeMissing(lease, count, nowMs));
    lease.tokens -= count;
    this.#ask(lease, nowMs);
    return 0;
  }

  #takeMissing(lease: Lease, cost: number, nowMs: number): number {
    if (cost > this.#terms.burst) return Number.POSITIVE_INFINITY;
    if (this.#hasFailed(lease, nowMs)) {
      if (nowMs < lease.lateUntilMs) lease.lateUntilMs = nowMs + LATE_MS;
      // It may have recovered.
      this.#ask(lease, nowMs);
      return this.#takeWithoutStore(lease, cost, nowMs);
    }
    const owed = cost - lease.tokens;
    const mayOwe = lease.owed + lease.owedOnTheWay + owed <= lease.advance;
    if (nowMs < lease.notBeforeMs) {
      // The store has one token then. What may not be owed has to be there.
      const moreMs = mayOwe ? 0 : ((owed - 1) * 1000) / this.#terms.ratePerSecond;
      return lease.notBeforeMs - nowMs + Math.max(0, moreMs);
    }
    if (mayOwe) {
      // What this process has announced does not go back with time: the store has at most what is left of the burst beside it.
      const excess = lease.leastAt(nowMs, this.#terms) + owed - this.#terms.burst;
      if (excess > 1e-6) {
        this.#ask(lease, nowMs);
        return excess / this.perMs;
      }
      lease.tokens = 0;
      lease.owed += owed;
      this.#ask(lease, nowMs);
      return 0;
    }
    lease.missing = Math.max(lease.missing, cost);
    this.#ask(lease, nowMs);
    return lease.question === 0 ? PATIENCE_MS : Math.max(1, lease.askedAtMs + PATIENCE_MS - nowMs);
  }

  /** Whether the next `take` can be decided without the store: there are tokens, or there are none for a known time. */
  knows(key: string, count: number): boolean {
    const nowMs = this.#link.nowMs();
    const lease = this.#find(key, nowMs);
    if (lease.tokens >= count || nowMs < lease.notBeforeMs || count > this.#terms.burst) return true;
    if (lease.owed + lease.owedOnTheWay + count - lease.tokens <= lease.advance) return true;
    return this.#hasFailed(lease, nowMs);
  }

  learn(key: string, count: number, onKnown: () => void): () => void {
    const nowMs = this.#link.nowMs();
    const lease = this.#find(key, nowMs);
    const waiting = (lease.waiting ??= new Set());
    // A function that waits twice is called twice.
    const tell = (): void => onKnown();
    waiting.add(tell);
    lease.awaited += count;
    lease.patience ??= setTimeout(() => {
      lease.lateUntilMs = this.#link.nowMs() + LATE_MS;
      lease.tellWaiting();
    }, PATIENCE_MS);
    this.#ask(lease, nowMs);
    return () => {
      if (waiting.delete(tell) && waiting.size === 0 && waiting === lease.waiting) lease.endPatience();
    };
  }

  /** Tells of each answer about the key, and when the store is lost or found. */
  watch(key: string, _count: number, onChange: () => void): () => void {
    const lease = this.#find(key, this.#link.nowMs());
    const watching = (lease.watching ??= new Set());
    const end = (): void => {
      watching.delete(tell);
      forget();
    };
    const tell = (): void => {
      end();
      onChange();
    };
    watching.add(tell);
    const forget = this.#link.watch(tell);
    return end;
  }

  giveBack(key: string, count: number): void {
    const nowMs = this.#link.nowMs();
    const lease = this.#table.find(key, nowMs);
    if (lease !== undefined) this.#return(lease, count, nowMs);
  }

  #return(lease: Lease, count: number, nowMs: number): void {
    if (!this.#countsAlone(lease, nowMs)) {
      const unpaid = Math.min(lease.owed, count);
      lease.owed -= unpaid;
      lease.tokens = Math.max(lease.tokens, Math.min(lease.tokens + count - unpaid, this.#lease));
      return;
    }
    // With `open`, nothing was taken. What is owed was spent before: the store is still to hear of it.
    if (this.#link.failure === 'local') this.#share.giveBack(lease, count);
  }

  #countsAlone(lease: Lease, nowMs: number): boolean {
    return this.#link.failure !== 'closed' && this.#hasFailed(lease, nowMs);
  }

  announce(key: string, count: number): AnnouncedTokens | undefined {
    if (!this.#hasTaken) return undefined;
    const nowMs = this.#link.nowMs();
    const lease = this.#find(key, nowMs);
    lease.announced ??= new AnnouncedLevel();
    lease.announced.announce(count, nowMs, this.perMs);
    return new AnnouncedMessage(this, lease, count);
  }

  came(lease: Lease, count: number): void {
    const nowMs = this.#link.nowMs();
    if (lease.outage !== NO_OUTAGE) this.#share.settle(lease, nowMs);
    lease.announced?.came(count, nowMs, this.perMs);
  }

  missed(lease: Lease, count: number): void {
    const nowMs = this.#link.nowMs();
    lease.announced?.missed(count, nowMs, this.perMs);
    this.#return(lease, count, nowMs);
  }

  owedAgain({ key }: Lease, count: number): Lease {
    const { nowMs } = this;
    const lease = this.#find(key, nowMs);
    lease.announced ??= new AnnouncedLevel();
    lease.announced.announceAgain(count, nowMs, this.perMs);
    return lease;
  }

  unused(lease: Lease, count: number): void {
    this.#return(lease, count, this.nowMs);
  }

  /** By what the store has said last, which others may have changed since; 0 if it does not answer. */
  left(key: string): number {
    const { burst } = this.#terms;
    const nowMs = this.#link.nowMs();
    const lease = this.#table.find(key, nowMs);
    // What a refused call could be told was left before the outage is not left now.
    if (lease === undefined) return this.#link.isUp ? Math.floor(burst) : 0;
    if (this.#hasFailed(lease, nowMs)) return 0;
    const left = this.#roomOf(lease, nowMs) + lease.tokens - lease.owed - lease.owedOnTheWay;
    return Math.floor(Math.max(0, Math.min(burst, left)));
  }

  closedBy(key: string): string | undefined {
    const { isUp, failure } = this.#link;
    if (failure !== 'closed') return undefined;
    const nowMs = this.#link.nowMs();
    const lease = this.#table.find(key, nowMs);
    const hasFailed = lease === undefined ? !isUp : this.#hasFailed(lease, nowMs);
    return hasFailed ? this.#terms.store : undefined;
  }

  goneStore(key: string): string | undefined {
    const { isUp, failure } = this.#link;
    if (failure !== 'closed') return undefined;
    const nowMs = this.#link.nowMs();
    const lease = this.#table.find(key, nowMs);
    return isUp && (lease === undefined || !lease.isGivenUp(nowMs)) ? undefined : this.#terms.store;
  }

  #find(key: string, nowMs: number): Lease {
    return this.#table.find(key, nowMs) ?? this.#add(key, nowMs);
  }

  /**
   * Where keys were forgotten lately this may be one of them. It is known to owe nothing only after its bucket must be full again, also if
   * this process has counted for it by its share alone. Until then it gets one token, with the store and without it.
   */
  #add(key: string, nowMs: number): Lease {
    const { burst } = this.#terms;
    const { holders } = this.#link;
    const isNew = nowMs - this.#table.forgottenAtMs > holders * this.#share.fullAfterMs;
    const lease = new Lease(key, isNew ? advanceOf(this.#terms, burst, holders) : 1);
    // In an outage, this process has its part of that.
    if (!isNew) lease.room = holders;
    lease.roomAtMs = nowMs;
    this.#table.add(lease, nowMs);
    return lease;
  }

  #ask(lease: Lease, nowMs: number): void {
    const isUrgent = lease.awaited > 0 || lease.missing > 0;
    if ((lease.isQueued && !isUrgent) || lease.question !== 0 || !this.#link.isUp) return;
    // What is owed is told at once. The store would grant nothing yet.
    if (nowMs < lease.notBeforeMs && lease.owed === 0) return;
    this.#link.queue(this, lease, isUrgent);
  }

  /** A question about this lease is sent now. @returns what it asks for */
  asked(lease: Lease, question: number): LeaseNeed {
    const nowMs = this.#link.nowMs();
    const { owed } = lease;
    const least = Math.ceil(Math.min(lease.leastAt(nowMs, this.#terms), this.#terms.burst));
    const kept = Math.max(this.#lease, lease.missing);
    const wanted = Math.ceil(
      Math.max(0, Math.max(kept, Math.min(lease.awaited, this.#terms.burst)) - lease.tokens),
    );
    lease.isQueued = false;
    lease.question = question;
    lease.askedAtMs = nowMs;
    lease.owedOnTheWay = owed;
    lease.owed = 0;
    lease.missing = 0;
    lease.awaited = 0;
    return { owed, least, wanted, kept, terms: this.#terms };
  }

  /** The store has answered. @param at the place of the lease in the lists of the answer */
  answered(lease: Lease, { wanted, kept, terms }: LeaseNeed, leases: Leases, at: number): void {
    const nowMs = this.#link.nowMs();
    // A store may send anything: nobody gets more than was wanted, or waits without end.
    const granted = Math.min(leases.granted[at], wanted);
    const room = Math.min(leases.room[at], this.#terms.burst);
    lease.tokens += granted;
    lease.noteAnswer(true, nowMs);
    lease.lateUntilMs = 0;
    lease.outage = NO_OUTAGE;
    lease.owedOnTheWay = 0;
    // By other terms, it may have tokens sooner.
    const toldMs = terms === this.#terms ? leases.waitMs[at] : 0;
    // Where it has less than one token, it says when it will have one.
    lease.room = toldMs > 0 ? Math.min(room, 1 - (toldMs * terms.ratePerSecond) / 1000) : room;
    lease.roomAtMs = nowMs;
    const waitMs = Math.min(toldMs, LONGEST_WAIT_MS);
    const isShort = granted < wanted || waitMs > 0;
    lease.notBeforeMs = isShort ? nowMs + Math.max(waitMs, REST_MS) : 0;
    lease.advance = isShort ? shortAdvanceOf(this.#terms) : advanceOf(this.#terms, room, this.#link.holders);
    lease.tellWaiting();
    this.#keep(lease, Math.min(kept, this.#terms.burst));
    if (lease.owed > 0 || lease.awaited > 0) this.#ask(lease, nowMs);
  }

  /**
   * Calls that waited for the other tokens have ended. What passed without the store meanwhile is paid with them, which may have been those
   * calls: the store would count it once more.
   */
  #keep(lease: Lease, most: number): void {
    const spare = lease.tokens - most;
    if (spare <= 0) return;
    lease.tokens = most;
    lease.owed -= Math.min(lease.owed, spare);
  }

  /** The store has not answered. What it was told is told again, since it may not have heard. */
  unanswered(lease: Lease, { owed }: LeaseNeed): void {
    const nowMs = this.#link.nowMs();
    lease.noteAnswer(false, nowMs);
    lease.lateUntilMs = nowMs + LATE_MS;
    lease.owedOnTheWay = 0;
    lease.owed = Math.max(owed, this.#share.bounded(owed + lease.owed));
    lease.tellWaiting();
  }

  #hasFailed(lease: Lease, nowMs: number): boolean {
    if (!this.#link.isUp || nowMs < lease.lateUntilMs) return true;
    return lease.question !== 0 && nowMs - lease.askedAtMs > PATIENCE_MS;
  }

  #takeWithoutStore(lease: Lease, cost: number, nowMs: number): number {
    const { failure } = this.#link;
    if (failure === 'closed') return CLOSED_MS;
    this.#hasTaken = failure === 'local';
    if (!this.#hasTaken) return 0;
    return this.#share.take(lease, cost, this.#roomOf(lease, nowMs), nowMs);
  }

  /** As many processes as share the store now share the limit. */
  get #share(): LocalShare {
    if (this.#localShare?.holders !== this.#link.holders)
      this.#localShare = new LocalShare(this.#terms, this.#link);
    return this.#localShare;
  }

  /** How many tokens the store has, if no other process has taken any since it answered. */
  #roomOf(lease: Lease, nowMs: number): number {
    return nowMs < lease.notBeforeMs ? 0 : Math.max(0, lease.roomAt(nowMs, this.#terms));
  }
}
