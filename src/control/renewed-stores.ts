// Stores whose options have changed, until the new connection has answered or failed. They are not down yet: calls and streams under their
// limits go on, and questions wait for the answer. A store that says nothing for a second is down.

/** A question to a store is given up after this time, too. */
const ANSWER_WITHIN_MS = 1000;
/** How many questions may wait, to all stores together. */
const MOST_WAITING = 4096;

interface Renewal {
  readonly waiting: (() => void)[];
  readonly timer: NodeJS.Timeout;
}

export class RenewedStores {
  readonly #renewals = new Map<string, Renewal>();
  #waiting = 0;
  readonly #onSilent: (store: string) => void;

  /** @param onSilent the store has said nothing in time. Its questions go on after this call, as it is not renewed any more then */
  constructor(onSilent: (store: string) => void) {
    this.#onSilent = onSilent;
  }

  has(store: string): boolean {
    return this.#renewals.has(store);
  }

  /** The store is being connected to anew. It must not be renewed already. */
  begin(store: string): void {
    const timer = setTimeout(() => {
      this.#onSilent(store);
      this.end(store);
    }, ANSWER_WITHIN_MS).unref();
    this.#renewals.set(store, { waiting: [], timer });
  }

  /** @param ask is called when the store has answered or failed. @returns false if the store is not being renewed, or too much waits */
  hold(store: string, ask: () => void): boolean {
    const renewal = this.#renewals.get(store);
    if (renewal === undefined || this.#waiting >= MOST_WAITING) return false;
    renewal.waiting.push(ask);
    this.#waiting++;
    return true;
  }

  /** The store has answered or failed, or is not there any more. */
  end(store: string): void {
    const renewal = this.#renewals.get(store);
    if (renewal === undefined) return;
    clearTimeout(renewal.timer);
    this.#renewals.delete(store);
    this.#waiting -= renewal.waiting.length;
    for (const ask of renewal.waiting) ask();
  }

  endAll(): void {
    for (const store of this.#renewals.keys()) this.end(store);
  }
}
