// Counts which client holds how many of an upstream's places, and queues those that wait. Waiting clients take turns, and while
// places are scarce no client gets more than its share. A client that is alone may have all places.

import { turnNowMs } from '../transport/turn-clock.ts';
import { Holding, type PlaceAccount, type PlaceCount } from './holding.ts';
import { RetryBudget } from './retry-budget.ts';
import { type LinePlace, WaitingLine } from './waiting-line.ts';

/** The part of the places that is reserved for clients that hold less than their share, if other clients called recently. */
const RESERVED_PART = 1 / 8;
/**
 * A client that holds a smaller part is not limited. The part is far below the reserve, which several clients just below it would
 * use up.
 */
const WATCHED_PART = RESERVED_PART / 8;
/**
 * How many calls give way in one check, of which there is one each second. Without this limit, hundreds of places would change
 * hands in each check between clients that take places and keep them idle.
 */
const MOST_CLAIMED = 8;
const OTHERS_COUNT_FOR_MS = 60_000;
/** How many holdings without a place are kept for later calls, in addition to as many as are in use. */
const SPARE_HOLDINGS = 64;
/** How many holdings without a place are kept because of their faults. */
const MOST_REMEMBERED = 4096;

/** What waiting clients may demand: this many places, from clients that hold more. */
export interface Claim {
  readonly count: number;
  /** Whether this holding has a place too many. */
  isOwedBy(holding: Holding): boolean;
}

export class ClientShares<Waiting> implements PlaceCount {
  /**
   * The holdings by client key. They outlast the client's connections because they remember its faults. Unused ones are dropped
   * when there are too many.
   */
  readonly #holdings = new Map<string, Holding>();
  /** The waiting clients in the order of their turns, each with its waiting calls, the oldest first, and the times since which they wait. */
  #turns = new WaitingLine<Holding, WaitingLine<Waiting, number>>();
  /** Is told for how long a call has waited, in milliseconds, when it waits no more: it has a place, or has gone. */
  onWaited: (waitedMs: number) => void = ignore;
  /** How many of the calls that have a place or wait for one may be retried. */
  readonly retries: RetryBudget;
  readonly #mostWaiting: number;
  readonly #countPlaces: () => number;
  #waitingCount = 0;
  #heldCount = 0;
  #activeCount = 0;
  #places = Number.POSITIVE_INFINITY;
  #watchedFrom = Number.POSITIVE_INFINITY;
  #sweepAt = SPARE_HOLDINGS;
  #lastTaker: Holding | undefined = undefined;
  #othersAtMs = Number.NEGATIVE_INFINITY;

  /**
   * @param countPlaces returns how many places exist or could be created; Infinity while that is not known, or when there is no
   * limit
   * @param retries the share of the calls that may be in a further attempt
   */
  constructor(mostWaiting: number, countPlaces: () => number, retries = 0) {
    this.#mostWaiting = mostWaiting;
    this.#countPlaces = countPlaces;
    this.retries = new RetryBudget(
      retries,
      () => this.#heldCount + this.#waitingCount,
      (holding) => this.#hasOthers(holding),
    );
  }

  get waitingCount(): number {
    return this.#waitingCount;
  }

  get heldCount(): number {
    return this.#heldCount;
  }

  get holdingCount(): number {
    return this.#holdings.size;
  }

  /** Must be called when the number of places may have changed. */
  recount(): void {
    this.#places = this.#countPlaces();
    this.#watchedFrom = Math.max(1, Math.floor(this.#places * WATCHED_PART));
  }

  /** Whether one more call would take three quarters of the places, as of the last recount. */
  get isGettingScarce(): boolean {
    return (this.#heldCount + 1) * 4 >= this.#places * 3;
  }

  /** Whether three quarters of the places are taken, or a call waits. */
  get isScarce(): boolean {
    this.recount();
    return this.#waitingCount > 0 || this.#heldCount * 4 >= this.#places * 3;
  }

  /** @param key the client's address as it is counted */
  holdingOf(key: string, account: PlaceAccount | undefined, speaksForMany: boolean): Holding {
    let holding = this.#holdings.get(key);
    if (holding === undefined) {
      holding = new Holding(this, key, account, speaksForMany);
      this.#list(holding);
    } else if (holding.held === 0) {
      // A client that comes back may have a new account. A place is always returned to the account for which it was taken.
      holding.account = account;
    }
    return holding;
  }

  #list(holding: Holding): void {
    const known = this.#holdings.get(holding.key);
    if (known !== undefined) known.isListed = false;
    if (this.#holdings.size >= this.#sweepAt) this.#forgetUnused();
    holding.isListed = true;
    this.#holdings.set(holding.key, holding);
  }

  /** Drops unused holdings without faults, and the oldest half of the others when there are too many. */
  #forgetUnused(): void {
    const nowMs = turnNowMs();
    let excess = this.#holdings.size - this.#activeCount - MOST_REMEMBERED;
    if (excess > 0) excess += MOST_REMEMBERED / 2;
    for (const [key, holding] of this.#holdings) {
      if (holding.held > 0 || holding.retries > 0 || this.#turns.has(holding)) continue;
      if (excess-- <= 0 && !holding.isForgettable(nowMs)) continue;
      holding.isListed = false;
      this.#holdings.delete(key);
    }
    this.#sweepAt = SPARE_HOLDINGS + 2 * this.#holdings.size;
  }

  take(holding: Holding): void {
    this.#heldCount++;
    if (holding.held++ === 0) {
      this.#activeCount++;
      if (!holding.isListed) this.#list(holding);
    }
    if (holding === this.#lastTaker) return;
    // Whole milliseconds: a stored fraction would be a separate heap object.
    if (this.#lastTaker !== undefined) this.#othersAtMs = Math.floor(turnNowMs());
    this.#lastTaker = holding;
  }

  give(holding: Holding): void {
    this.#heldCount--;
    if (--holding.held === 0) this.#activeCount--;
  }

  /** Whether the client holds so many places that they may become scarce. */
  isWatched(holding: Holding): boolean {
    return holding.held >= this.#watchedFrom;
  }

  /** Whether the client may take one more place, if there is one. */
  mayTake(holding: Holding): boolean {
    if (!this.isWatched(holding) || holding.speaksForMany) return true;
    this.recount();
    if (this.#places - this.#heldCount > Math.floor(this.#places * RESERVED_PART)) return true;
    if (!this.#hasOthers(holding)) return true;
    return holding.held < Math.floor(this.#places / Math.max(2, this.#activeCount));
  }

  /** Whether another client has called in the last minute, or waits. */
  #hasOthers(holding: Holding): boolean {
    return turnNowMs() - this.#othersAtMs < OTHERS_COUNT_FOR_MS || this.#othersWait(holding);
  }

  #othersWait(holding: Holding): boolean {
    return this.#turns.size > (this.#turns.has(holding) ? 1 : 0);
  }

  /**
   * Queues a call.
   * @returns the call that must be refused because too many wait, if any: the new one, or the newest of the client that has the
   * most waiting
   */
  wait(holding: Holding, waiting: Waiting): Waiting | undefined {
    let turned: Waiting | undefined;
    if (this.#waitingCount >= this.#mostWaiting) {
      turned = this.#crowdOut(this.#turns.get(holding)?.size ?? 0);
      if (turned === undefined) return waiting;
    }
    let own = this.#turns.get(holding);
    if (own === undefined) {
      own = new WaitingLine();
      this.#turns.append(holding, own);
    }
    own.append(waiting, turnNowMs());
    this.#waitingCount++;
    return turned;
  }

  /**
   * Removes the newest call of the client with the most waiting calls, if it has more of them than the new call's client would
   * have.
   */
  #crowdOut(ownCount: number): Waiting | undefined {
    let most: LinePlace<Holding, WaitingLine<Waiting, number>> | undefined;
    for (let turn = this.#turns.first; turn !== undefined; turn = turn.next)
      if (!turn.item.speaksForMany && turn.value.size > (most?.value.size ?? ownCount + 1)) most = turn;
    const newest = most?.value.last?.item;
    if (most !== undefined && newest !== undefined) this.stopWaiting(most.item, newest);
    return newest;
  }

  stopWaiting(holding: Holding, waiting: Waiting): void {
    const own = this.#turns.get(holding);
    const sinceMs = own?.get(waiting);
    if (own === undefined || sinceMs === undefined) return;
    own.delete(waiting);
    this.#waitingCount--;
    this.onWaited(turnNowMs() - sinceMs);
    if (own.size === 0) this.#turns.delete(holding);
  }

  /**
   * Takes the next call out of the queue, or returns undefined when none may be served.
   * @param fits whether the free place suits the call
   */
  next(fits: (waiting: Waiting) => boolean = always): Waiting | undefined {
    for (let turn = this.#turns.first; turn !== undefined; turn = turn.next) {
      const { item: holding, value: own } = turn;
      if (!this.mayTake(holding)) continue;
      for (let place = own.first; place !== undefined; place = place.next) {
        if (!fits(place.item)) continue;
        this.stopWaiting(holding, place.item);
        // If the client has more calls waiting, it goes behind the others.
        if (this.#turns.delete(holding)) this.#turns.append(holding, own);
        return place.item;
      }
    }
    return undefined;
  }

  /** All waiting calls. */
  get waiting(): readonly Waiting[] {
    return this.#line.map(({ item }) => item);
  }

  get #line(): readonly LinePlace<Waiting, number>[] {
    const places: LinePlace<Waiting, number>[] = [];
    for (let turn = this.#turns.first; turn !== undefined; turn = turn.next)
      for (let place = turn.value.first; place !== undefined; place = place.next) places.push(place);
    return places;
  }

  /** Takes all waiting calls out of the queue. */
  takeAll(): readonly Waiting[] {
    const places = this.#line;
    const nowMs = turnNowMs();
    for (const { value: sinceMs } of places) this.onWaited(nowMs - sinceMs);
    this.#turns = new WaitingLine();
    this.#waitingCount = 0;
    return places.map(({ item }) => item);
  }

  /**
   * What the waiting clients may demand. Undefined unless one of them holds at least two places fewer than another client.
   * @param comingFree how many places become free by themselves
   */
  claim(comingFree = 0): Claim | undefined {
    let largest = 0;
    for (const { held, speaksForMany } of this.#holdings.values())
      if (!speaksForMany) largest = Math.max(largest, held);
    let count = 0;
    let fewest = Number.POSITIVE_INFINITY;
    for (let turn = this.#turns.first; turn !== undefined; turn = turn.next) {
      const { held } = turn.item;
      const own = turn.value;
      if (held + 1 >= largest) continue;
      count += Math.min(own.size, Math.ceil((largest - held) / 2));
      fewest = Math.min(fewest, held);
    }
    count -= comingFree;
    if (count <= 0) return undefined;
    return {
      count: Math.min(count, MOST_CLAIMED),
      isOwedBy: ({ held, speaksForMany }) => !speaksForMany && held > fewest + 1,
    };
  }
}

function always(): boolean {
  return true;
}

function ignore(): void {
  // Nobody counts.
}
