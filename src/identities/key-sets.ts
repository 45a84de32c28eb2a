// The public keys of all issuers, as the control process has fetched them. A set is never read from a file or the network here. When a
// token names a key that is not known, the control process is asked for newer ones, at most once in half a minute for each set.

import type { KeysUpdate, PublicKey } from '../config/public-keys.ts';

const ASK_EVERY_MS = 30_000;

export class KeySet {
  readonly source: string;
  readonly #ask: () => void;
  readonly #now: () => number;
  #keys: readonly PublicKey[] = [];
  #members: ReadonlySet<PublicKey> = new Set();
  #problem: string | undefined = undefined;
  /** Whether the control process has said anything about this set. */
  #isKnown = false;
  #isAsked = false;
  #heardAtMs = Number.NEGATIVE_INFINITY;
  #waiting = new Set<() => void>();
  /** Grows when a key is taken away: what was verified before that does not count any more. */
  removals = 0;

  /** @param now monotonic milliseconds */
  constructor(source: string, ask: () => void, now: () => number) {
    this.source = source;
    this.#ask = ask;
    this.#now = now;
  }

  get keys(): readonly PublicKey[] {
    return this.#keys;
  }

  /** Whether the key is one of the current ones, which stay the same objects for as long as they are listed. */
  has(key: PublicKey): boolean {
    return this.#members.has(key);
  }

  /** Why it is not known which keys there are. Undefined if it is known: also that there is none. */
  get whyNone(): string | undefined {
    if (!this.#isKnown) return 'they have not been read yet';
    return this.#keys.length > 0 ? undefined : this.#problem;
  }

  update({ keys, problem, isDropped }: KeysUpdate): void {
    const before = this.#keys;
    const known = new Map(before.map((key) => [JSON.stringify(key), key]));
    // A key that stays is the same object, so that it is not imported again.
    this.#keys = keys.map((key) => known.get(JSON.stringify(key)) ?? key);
    this.#members = new Set(this.#keys);
    this.#problem = isDropped === true ? 'the configuration does not name them any more' : problem;
    this.#isKnown = true;
    this.#isAsked = false;
    this.#heardAtMs = this.#now();
    if (before.some((key) => !this.#members.has(key))) this.removals++;
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const tell of waiting) tell();
  }

  /**
   * Asks for newer keys if that may help.
   * @param tell is called when they are here, or could not be fetched
   * @returns stops waiting, or undefined if it is too early to ask again
   */
  awaitNewer(tell: () => void): (() => void) | undefined {
    if (!this.#isAsked && this.#isKnown && this.#now() - this.#heardAtMs < ASK_EVERY_MS) return undefined;
    if (!this.#isAsked) {
      this.#isAsked = true;
      this.#ask();
    }
    this.#waiting.add(tell);
    return () => this.#waiting.delete(tell);
  }
}

export class KeySets {
  readonly #sets = new Map<string, KeySet>();
  readonly #now: () => number;
  /** Asks the control process for newer keys of a source. */
  onWanted: (source: string) => void = () => undefined;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  of(source: string): KeySet {
    const known = this.#sets.get(source);
    if (known !== undefined) return known;
    const made = new KeySet(source, () => this.onWanted(source), this.#now);
    this.#sets.set(source, made);
    return made;
  }

  update(update: KeysUpdate): void {
    this.of(update.source).update(update);
    if (update.isDropped === true) this.#sets.delete(update.source);
  }
}
