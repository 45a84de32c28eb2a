// One question to several workers, each of which says yes or no, or is gone. Answered when all have; it neither sends
// anything nor waits by a clock.

export interface VoteResult<Voter, Reason> {
  readonly inFavour: readonly Voter[];
  readonly objections: readonly Reason[];
}

export class Vote<Voter, Reason> {
  readonly result: Promise<VoteResult<Voter, Reason>>;
  readonly #missing: Set<Voter>;
  readonly #inFavour: Voter[] = [];
  readonly #objections: Reason[] = [];
  readonly #resolve: (result: VoteResult<Voter, Reason>) => void;

  /** Without voters there is a result at once, with nobody in favour. */
  constructor(voters: Iterable<Voter>) {
    this.#missing = new Set(voters);
    const { promise, resolve } = Promise.withResolvers<VoteResult<Voter, Reason>>();
    this.result = promise;
    this.#resolve = resolve;
    this.#conclude();
  }

  /** Who have not said anything yet. */
  get missing(): readonly Voter[] {
    return [...this.#missing];
  }

  yes(voter: Voter): void {
    if (!this.#missing.delete(voter)) return;
    this.#inFavour.push(voter);
    this.#conclude();
  }

  no(voter: Voter, reason: Reason): void {
    if (!this.#missing.delete(voter)) return;
    this.#objections.push(reason);
    this.#conclude();
  }

  /** Has no say any more, whatever it has said before. */
  gone(voter: Voter): void {
    const index = this.#inFavour.indexOf(voter);
    if (index !== -1) this.#inFavour.splice(index, 1);
    this.#missing.delete(voter);
    this.#conclude();
  }

  #conclude(): void {
    if (this.#missing.size > 0) return;
    this.#resolve({ inFavour: [...this.#inFavour], objections: this.#objections });
  }
}
