// The verification of one text, for all calls that wait for it.

import type { Verdict } from './identity.ts';
import type { Ticket } from './verifications.ts';

export class Flight {
  readonly ticket: Ticket;
  readonly #onEnd: () => void;
  readonly #onFault: (error: unknown) => void;
  readonly #listeners = new Set<(verdict: Verdict) => void>();
  /** Called when no call waits any more. */
  onAbandoned: () => void = () => undefined;
  #verdict: Verdict | undefined = undefined;

  /** @param onFault receives what a listener throws. Must not throw. */
  constructor(ticket: Ticket, onEnd: () => void, onFault: (error: unknown) => void) {
    this.ticket = ticket;
    this.#onEnd = onEnd;
    this.#onFault = onFault;
  }

  /** @returns stops listening */
  add(listener: (verdict: Verdict) => void): () => void {
    if (this.#verdict !== undefined) {
      listener(this.#verdict);
      return () => undefined;
    }
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      // What has begun goes on: otherwise a client could have more verified at a time by giving up.
      if (this.#listeners.size > 0 || this.#verdict !== undefined || this.ticket.isRunning) return;
      this.onAbandoned();
      this.#finish(false);
    };
  }

  /** @param isBad whether the credentials were verified in vain */
  end(verdict: Verdict, isBad: boolean): void {
    if (this.#verdict !== undefined) return;
    this.#verdict = verdict;
    this.#finish(isBad);
    for (const listener of this.#listeners) {
      try {
        listener(verdict);
      } catch (error) {
        // The other calls must still be answered; this one ends when its time is over.
        this.#onFault(error);
      }
    }
  }

  #finish(isBad: boolean): void {
    this.#onEnd();
    this.ticket.end(isBad);
  }
}
