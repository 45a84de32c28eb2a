// Who holds how many of an upstream's places, and who waits for one: clients take turns, and while places are scarce none
// gets more than its share. A client that is alone may have all of them.

import { turnNowMs } from '../transport/turn-clock.ts';
import { Holding, type PlaceAccount, type PlaceCount } from './holding.ts';

/** The last part of the places goes to clients that hold less than their share, if others were here a short while ago. */
const RESERVED_PART = 1 / 8;
/** Who holds less is not looked at. More than one client with a little less than the reserved part would take all of that. */
const WATCHED_PART = RESERVED_PART / 8;
/** Calls that give way in one look, each second: between clients that take and hold, hundreds would change hands in each. */
const MOST_CLAIMED = 8;
const OTHERS_COUNT_FOR_MS = 60_000;
/** Holdings without a place that are kept for the next call, beside as many as are in use. */
const SPARE_HOLDINGS = 64;
/** Of those without a place that have something to remember. */
const MOST_REMEMBERED = 4096;

/** What those who wait may demand: so many places, of clients that hold more. */
export interface Claim {
  readonly count: number;
  /** Whether a place of this holding is one too many. */
  isOwedBy(holding: Holding): boolean;
}

export class ClientShares<Waiting> implements PlaceCount {
  /**
   * By the client's key. They outlast the client's connections, as they remember what it has to answer for. Those that nobody
   * uses are thrown out when there are too many.
   */
  readonly #holdings = new Map<string, Holding>();
  /** Those that wait, in the order of their turns, and what each of them waits with, oldest first. */
  readonly #turns = new Map<Holding, Set<Waiting>>();
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

  /** @param countPlaces how many places there are or could be made; Infinity while that is not known, or there is no limit */
  constructor(mostWaiting: number, countPlaces: () => number) {
    this.#mostWaiting = mostWaiting;
    this.#countPlaces = countPlaces;
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

  /** There may be more places than before, or fewer. */
  recount(): void {
    this.#places = this.#countPlaces();
    this.#watchedFrom = Math.max(1, Math.floor(this.#places * WATCHED_PART));
  }

  /** With one more call three quarters are taken, of the places that there were when they were counted last. */
  get isGettingScarce(): boolean {
    return (this.#heldCount + 1) * 4 >= this.#places * 3;
  }

  /** Three quarters are taken, or somebody waits. */
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
      // A client that comes back may have a new account. Places are given back to the account that they were taken for.
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

  /** Those go that have nothing to remember, and of the others the oldest half where there are too many. */
  #forgetUnused(): void {
    const nowMs = turnNowMs();
    let excess = this.#holdings.size - this.#activeCount - MOST_REMEMBERED;
    if (excess > 0) excess += MOST_REMEMBERED / 2;
    for (const [key, holding] of this.#holdings) {
      if (holding.held > 0 || this.#turns.has(holding)) continue;
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
    // Whole milliseconds: a fraction that is kept would be an object of its own on the heap.
    if (this.#lastTaker !== undefined) this.#othersAtMs = Math.floor(turnNowMs());
    this.#lastTaker = holding;
  }

  give(holding: Holding): void {
    this.#heldCount--;
    if (--holding.held === 0) this.#activeCount--;
  }

  /** It holds so many that places may become scarce. */
  isWatched(holding: Holding): boolean {
    return holding.held >= this.#watchedFrom;
  }

  /** Whether the client may have one more place, if there is one. */
  mayTake(holding: Holding): boolean {
    if (!this.isWatched(holding) || holding.speaksForMany) return true;
    this.recount();
    if (this.#places - this.#heldCount > Math.floor(this.#places * RESERVED_PART)) return true;
    if (turnNowMs() - this.#othersAtMs >= OTHERS_COUNT_FOR_MS && !this.#othersWait(holding)) return true;
    return holding.held < Math.floor(this.#places / Math.max(2, this.#activeCount));
  }

  #othersWait(holding: Holding): boolean {
    return this.#turns.size > (this.#turns.has(holding) ? 1 : 0);
  }

  /**
   * Queues up.
   * @returns who has to go since too many wait: the newcomer, or the newest of the client with which most wait
   */
  wait(holding: Holding, waiting: Waiting): Waiting | undefined {
    let turned: Waiting | undefined;
    if (this.#waitingCount >= this.#mostWaiting) {
      turned = this.#crowdOut(this.#turns.get(holding)?.size ?? 0);
      if (turned === undefined) return waiting;
    }
    let own = this.#turns.get(holding);
    if (own === undefined) {
      own = new Set();
      this.#turns.set(holding, own);
    }
    own.add(waiting);
    this.#waitingCount++;
    return turned;
  }

  /** Where somebody waits with more than the newcomer would have. */
  #crowdOut(ownCount: number): Waiting | undefined {
    let most: readonly [Holding, Set<Waiting>] | undefined;
    for (const turn of this.#turns) {
      if (!turn[0].speaksForMany && turn[1].size > (most?.[1].size ?? ownCount + 1)) most = turn;
    }
    if (most === undefined) return undefined;
    const newest = [...most[1]].at(-1);
    if (newest !== undefined) this.stopWaiting(most[0], newest);
    return newest;
  }

  stopWaiting(holding: Holding, waiting: Waiting): void {
    const own = this.#turns.get(holding);
    if (own?.delete(waiting) !== true) return;
    this.#waitingCount--;
    if (own.size === 0) this.#turns.delete(holding);
  }

  /**
   * Whose turn it is, taken out of the queue; undefined when nobody's is.
   * @param fits whether the place that is free is one for it
   */
  next(fits: (waiting: Waiting) => boolean = always): Waiting | undefined {
    for (const [holding, own] of this.#turns) {
      if (!this.mayTake(holding)) continue;
      for (const waiting of own) {
        if (!fits(waiting)) continue;
        this.stopWaiting(holding, waiting);
        // Behind the others, if it waits with more.
        if (this.#turns.delete(holding)) this.#turns.set(holding, own);
        return waiting;
      }
    }
    return undefined;
  }

  /** Everybody that waits. */
  get waiting(): readonly Waiting[] {
    return Array.from(this.#turns.values(), (own) => [...own]).flat();
  }

  /** Everybody that waits, taken out of the queue. */
  takeAll(): readonly Waiting[] {
    const all = this.waiting;
    this.#turns.clear();
    this.#waitingCount = 0;
    return all;
  }

  /**
   * Undefined as long as nobody waits that holds at least two places fewer than another.
   * @param comingFree places that become free by themselves
   */
  claim(comingFree = 0): Claim | undefined {
    let largest = 0;
    for (const { held, speaksForMany } of this.#holdings.values())
      if (!speaksForMany) largest = Math.max(largest, held);
    let count = 0;
    let fewest = Number.POSITIVE_INFINITY;
    for (const [{ held }, own] of this.#turns) {
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
