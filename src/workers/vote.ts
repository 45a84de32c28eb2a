// One question to several workers. Each of them answers yes or no or is gone, and the result is known when no answer is missing. This class
// neither sends messages nor measures time.

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

  /** Without voters, the result is there at once, with no voter in favour. */
  constructor(voters: Iterable<Voter>) {
    this.#missing = new Set(voters);
    const { promise, resolve } = Promise.withResolvers<VoteResult<Voter, Reason>>();
    this.result = promise;
    this.#resolve = resolve;
    this.#conclude();
  }

  /** The voters that have not answered yet. */
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

  /** The voter no longer counts as in favour or missing. An objection it has made still counts. */
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
