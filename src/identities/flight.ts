// The verification of one text, for all calls that wait for it.

import { limited, type Verdict } from './identity.ts';
import type { KeyWaits } from './key-waits.ts';
import type { Ticket, Verifications } from './verifications.ts';

export interface FlightParts {
  /** The client that has sent the text first. */
  readonly client: string;
  readonly onEnd: () => void;
  /** Receives what a listener throws. Must not throw. */
  readonly onFault: (error: unknown) => void;
}

export class Flight {
  readonly #parts: FlightParts;
  readonly #listeners = new Set<(verdict: Verdict) => void>();
  /** Undefined until the keys are known. */
  #ticket: Ticket | undefined = undefined;
  #stopWaiting: () => void = () => undefined;
  #verdict: Verdict | undefined = undefined;

  constructor(parts: FlightParts) {
    this.#parts = parts;
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
      if (this.#listeners.size > 0 || this.#verdict !== undefined || this.#ticket?.isRunning === true) return;
      this.#stopWaiting();
      this.#finish(false);
    };
  }

  /**
   * Waits for newer keys, without a place among the verifications. The flight has not ended then.
   * @param proceed is called when the keys are here, or could not be read
   * @returns why it does not wait
   */
  whenKeysAreNewer(waits: KeyWaits, proceed: () => void): 'early' | 'full' | undefined {
    const stop = waits.begin(this.#parts.client, () => {
      this.#stopWaiting = () => undefined;
      proceed();
    });
    if (typeof stop === 'string') return stop;
    this.#stopWaiting = stop;
    return undefined;
  }

  /** @param run is called when it is the client's turn, if the client may have this verified. It must end the flight. */
  whenTurn(verifications: Verifications, run: () => void): void {
    const ticket = verifications.admit(this.#parts.client);
    if (typeof ticket === 'string') {
      this.end(limited(ticket), false);
      return;
    }
    this.#ticket = ticket;
    ticket.whenTurn((mayRun) => {
      if (mayRun) run();
      else this.end(limited('failures'), false);
    });
  }

  /** @param isBad whether the credentials were verified and found bad. A fault of the proxy or a key that is gone is not the client's */
  end(verdict: Verdict, isBad: boolean): void {
    if (this.#verdict !== undefined) return;
    this.#verdict = verdict;
    this.#finish(isBad);
    for (const listener of this.#listeners) {
      try {
        listener(verdict);
      } catch (error) {
        // The other calls must still be answered; this one ends when its time is over.
        this.#parts.onFault(error);
      }
    }
  }

  #finish(isBad: boolean): void {
    this.#parts.onEnd();
    this.#ticket?.end(isBad);
  }
}

/** The flights of one identity, by the text that each verifies. */
export class Flights {
  readonly #onFault: (error: unknown) => void;
  readonly #byText = new Map<string, Flight>();

  /** @param onFault receives what a listener throws. Must not throw. */
  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault;
  }

  find(text: string): Flight | undefined {
    return this.#byText.get(text);
  }

  begin(text: string, client: string): Flight {
    const flight = new Flight({ client, onEnd: () => this.#byText.delete(text), onFault: this.#onFault });
    this.#byText.set(text, flight);
    return flight;
  }
}
