// Waits for one thing after another, until all of it ends. Promise.race with a promise that stays open until the end would keep a few hundred
// bytes for each wait.

export class EndableWait {
  #current: PromiseWithResolvers<void> | undefined = undefined;
  #hasEnded = false;

  /** From now on nothing is waited for. May be called twice. */
  end(): void {
    this.#hasEnded = true;
    this.#current?.resolve();
    this.#current = undefined;
  }

  /**
   * Only one wait goes on at a time: a new one ends the one before.
   * @returns resolves when `done` does or at the end, and rejects if `done` does before that
   */
  async until(done: Promise<void>): Promise<void> {
    this.#current?.resolve();
    const current = Promise.withResolvers<void>();
    this.#current = current;
    done.then(current.resolve, current.reject);
    if (this.#hasEnded) current.resolve();
    await current.promise;
    if (this.#current === current) this.#current = undefined;
  }
}
