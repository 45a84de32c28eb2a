// The counts of one limit, by key: how much of the burst is used up, which goes back evenly with time. The table has a bound. A count
// that is not full again is never dropped, since its client would start anew. So when the table is full of them, further keys share
// counts.

/** How much may come: `perMs` on average, `burst` at once. */
export interface Allowance {
  readonly perMs: number;
  readonly burst: number;
}

/** The count of one key. */
export interface Count {
  readonly key: string;
  /** The client that has made the key up. Undefined if clients cannot choose keys. */
  readonly client: string | undefined;
  /** How much of the burst is used up, as of `atMs`. Beyond the burst it is a debt. */
  used: number;
  atMs: number;
  /**
   * How much of it was taken for bytes that have not come. That does not go back with time. Together with `announcedElsewhere` it is more than
   * `used` only after a reload has made the burst smaller.
   */
  announced: number;
  /** The same in other processes, as the primary process has told it. */
  announcedElsewhere: number;
  /**
   * How much `used` was raised for bytes that were announced before, and whose tokens time had brought back while others waited for their
   * receiver. It is taken off again as announced bytes come, since these are paid.
   */
  addedAgain: number;
  /** When the primary process has told that. */
  toldAtMs: number;
  /** How much the primary process has not been told. */
  untold: number;
  /**
   * How much of what the primary process has not been told would still be used up if nothing else was used, as of `untoldAtMs`. What is given
   * back is not taken off it, so it may be too high.
   */
  untoldLevel: number;
  untoldAtMs: number;
  /** By how much `announced` has changed since the primary process was told. */
  untoldAnnounced: number;
  /** How much the primary process is being told now. */
  telling: number;
  isQueued: boolean;
  isQueuedLater: boolean;
  newer: Count | undefined;
  older: Count | undefined;
}

/** What another process has let pass. */
export interface PastUse {
  /** Negative if it has given back more than it had used. */
  readonly more: number;
  /** How much of it has gone back with time, if nothing else was used. */
  readonly goneBack: number;
}

/** How many keys a limit counts for by themselves. With keys of 64 characters this takes about 16 MiB. */
export const MOST_KEYS = 65_536;
/** The part of the table that keys take which one client has made up. */
const PART_OF_CLIENT = 8;
/** How many counts the keys share that have none of their own. */
const SHARED_COUNTS = 1024;
/** How many counts are looked at to find one that can be dropped. */
const LOOKS = 16;
/** No key of a call has this character. */
const SHARED_PREFIX = '\0';

export interface TableParts {
  readonly allowance: Allowance;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly most?: number | undefined;
}

export class QuotaTable {
  readonly #now: () => number;
  readonly #most: number;
  readonly #counts = new Map<string, Count>();
  readonly #ofClients = new Map<string, number>();
  #allowance: Allowance;
  #newest: Count | undefined = undefined;
  #oldest: Count | undefined = undefined;

  constructor({ allowance, now, most = MOST_KEYS }: TableParts) {
    this.#allowance = allowance;
    this.#now = now;
    this.#most = most;
  }

  get size(): number {
    return this.#counts.size;
  }

  get perMs(): number {
    return this.#allowance.perMs;
  }

  get nowMs(): number {
    return this.#now();
  }

  get burst(): number {
    return this.#allowance.burst;
  }

  /**
   * The count of a key, settled to now.
   * @param client the client that has made the key up, undefined if clients cannot choose keys
   */
  find(key: string, client?: string): Count {
    let count = this.#counts.get(key);
    if (count === undefined) count = this.#add(key, client);
    else if (count !== this.#newest) this.#touch(count);
    this.settle(count);
    return count;
  }

  /** The count that `find` would find if there is one, also one that keys share. Changes nothing but the time up to which it is settled. */
  peek(key: string, client?: string): Count | undefined {
    let count = this.#counts.get(key);
    if (count === undefined && this.#isFullFor(client)) count = this.#counts.get(sharedKeyOf(key, client));
    if (count !== undefined) this.settle(count);
    return count;
  }

  /**
   * Adds what was used in the past. What has gone back of it does so here as well, as far as the count was full meanwhile.
   * @returns the count, settled to now
   */
  addPast(key: string, client: string | undefined, { more, goneBack }: PastUse): Count {
    const count = this.#counts.get(key) ?? this.#add(key, client);
    if (count !== this.#newest) this.#touch(count);
    const { perMs } = this.#allowance;
    const nowMs = this.#now();
    const used = count.used - Math.max(0, nowMs - count.atMs) * perMs;
    const least = Math.min(count.used, count.announced - goneBack);
    count.used = Math.max(0, Math.max(used, least) + more);
    count.atMs = nowMs;
    return count;
  }

  settle(count: Count): void {
    const nowMs = this.#now();
    // The clock may be read a millisecond late.
    if (nowMs <= count.atMs) return;
    const used = count.used - (nowMs - count.atMs) * this.#allowance.perMs;
    count.used = Math.max(used, heldOf(count));
    count.atMs = nowMs;
  }

  /** So many of the tokens that are used up are for bytes that have not come; fewer than before if negative. */
  announce(count: Count, more: number): void {
    this.settle(count);
    const held = heldOf(count);
    const before = count.announced + count.announcedElsewhere;
    count.announced += more;
    if (more < 0) {
      const off = Math.min(count.addedAgain, -more);
      count.addedAgain = Math.min(count.addedAgain - off, count.announced);
      this.giveBack(count, off);
      return;
    }
    // Some may have gone back since they were taken.
    const added = before + more - count.used;
    if (held < before || added <= 0) return;
    count.used += added;
    count.addedAgain += added;
  }

  /** Gives back what was used. @param count settled */
  giveBack(count: Count, less: number): void {
    count.used = Math.max(heldOf(count), count.used - less);
  }

  /** The primary process has told how much is used up, and how much others have announced. @param count settled */
  told(count: Count, used: number, announcedElsewhere: number): void {
    count.announcedElsewhere = announcedElsewhere;
    count.toldAtMs = count.atMs;
    count.used = Math.max(Math.min(count.announced + announcedElsewhere, this.#allowance.burst), used);
  }

  /** @param count settled. @returns how many milliseconds until so many more may come; 0: now, Infinity: never */
  waitMs(count: Count, more: number): number {
    const { burst, perMs } = this.#allowance;
    const excess = count.used + more - burst;
    // A millionth of a token is an error of adding up.
    if (excess <= 1e-6) return 0;
    return more > burst ? Number.POSITIVE_INFINITY : Math.max(1, Math.ceil(excess / perMs));
  }

  /** What is used up stays so, but no count is more than empty by the new allowance. */
  change(allowance: Allowance): void {
    if (allowance.burst === this.#allowance.burst && allowance.perMs === this.#allowance.perMs) return;
    for (const count of this.#counts.values()) {
      this.settle(count);
      const excess = count.used - allowance.burst;
      if (excess <= 0) continue;
      count.used = allowance.burst;
      count.addedAgain = Math.max(0, count.addedAgain - excess);
    }
    this.#allowance = allowance;
  }

  #add(key: string, client: string | undefined): Count {
    if (!this.#makeRoomFor(client)) {
      const shared = sharedKeyOf(key, client);
      return this.#counts.get(shared) ?? this.#insert(shared, undefined);
    }
    if (client !== undefined) this.#ofClients.set(client, (this.#ofClients.get(client) ?? 0) + 1);
    return this.#insert(key, client);
  }

  /** @returns whether there is room for another key of this client */
  #makeRoomFor(client: string | undefined): boolean {
    if (!this.#isFullFor(client)) return true;
    this.#dropFull();
    return !this.#isFullFor(client);
  }

  #isFullFor(client: string | undefined): boolean {
    return this.#counts.size >= this.#most || (client !== undefined && this.#hasItsPart(client));
  }

  #hasItsPart(client: string): boolean {
    return (this.#ofClients.get(client) ?? 0) >= this.#most / PART_OF_CLIENT;
  }

  /** Looks at the counts that were not used for the longest time. Those that must stay are looked at again when all others were. */
  #dropFull(): void {
    for (let looks = 0; looks < LOOKS && this.#oldest !== undefined; looks++) {
      const count = this.#oldest;
      this.settle(count);
      if (isFull(count)) this.#drop(count);
      else this.#touch(count);
    }
  }

  #drop(count: Count): void {
    const { key, client } = count;
    this.#unlink(count);
    this.#counts.delete(key);
    if (client === undefined) return;
    const left = (this.#ofClients.get(client) ?? 1) - 1;
    if (left === 0) this.#ofClients.delete(client);
    else this.#ofClients.set(client, left);
  }

  #insert(key: string, client: string | undefined): Count {
    const count: Count = {
      key,
      client,
      used: 0,
      // It was never used.
      atMs: Number.NEGATIVE_INFINITY,
      announced: 0,
      announcedElsewhere: 0,
      addedAgain: 0,
      toldAtMs: 0,
      untold: 0,
      untoldLevel: 0,
      untoldAtMs: 0,
      untoldAnnounced: 0,
      telling: 0,
      isQueued: false,
      isQueuedLater: false,
      newer: undefined,
      older: undefined,
    };
    this.#counts.set(key, count);
    this.#link(count);
    return count;
  }

  #touch(count: Count): void {
    this.#unlink(count);
    this.#link(count);
  }

  #link(count: Count): void {
    count.newer = undefined;
    count.older = this.#newest;
    if (this.#newest !== undefined) this.#newest.newer = count;
    this.#newest = count;
    this.#oldest ??= count;
  }

  #unlink(count: Count): void {
    if (count.newer === undefined) this.#newest = count.older;
    else count.newer.older = count.older;
    if (count.older === undefined) this.#oldest = count.newer;
    else count.older.newer = count.newer;
  }
}

/** How much is used up and does not go back with time. @param count settled */
function heldOf({ used, announced, announcedElsewhere }: Count): number {
  return Math.min(used, announced + announcedElsewhere);
}

/** @param count settled */
function isFull({ used, announcedElsewhere, untold, untoldAnnounced, telling }: Count): boolean {
  if (untold !== 0 || untoldAnnounced !== 0 || telling !== 0) return false;
  // What others have announced the primary process tells again. What was announced here is used up beside it.
  return used <= announcedElsewhere;
}

function sharedKeyOf(key: string, client: string | undefined): string {
  return `${SHARED_PREFIX}${hashOf(client ?? key) % SHARED_COUNTS}`;
}

/** FNV-1a. Clients can choose texts of one hash, which then share a count; they only hinder each other. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}
