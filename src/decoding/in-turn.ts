// Lets one thing begin when the one before has ended.

export class InTurn {
  /** Never rejects, since what went wrong with one thing is not the matter of the next. */
  #last: Promise<unknown> = Promise.resolve();

  run<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
