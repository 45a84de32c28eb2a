// Who is told of exchanges: of their start, of each attempt, of their end. Metrics, log, diagnoses and whatever else looks on are
// observers. An exchange is told nothing by them, and what one of them throws reaches neither the exchange nor the others.

import type { ExchangeRecord, ExchangeSubject } from './exchange-record.ts';

/** An exchange that has begun. */
export interface StartedExchange {
  readonly subject: ExchangeSubject;
  /** The number that RequestIds gave, or the client's own x-request-id where that is kept. */
  readonly requestId: string | number;
}

/** An attempt that is about to be sent. */
export interface StartedAttempt {
  readonly exchange: StartedExchange;
  /** The address of its endpoint, as configured. */
  readonly endpoint: string;
  /** 1 for the first attempt of the exchange. */
  readonly number: number;
}

/** Whoever needs to know of one of these only leaves the others out: what nobody needs to know is not told, and costs nothing. */
export interface ExchangeObserver {
  /** Once for each exchange that is to be forwarded; not for those that are refused or answered here. */
  onStart?(exchange: StartedExchange): void;
  onAttempt?(attempt: StartedAttempt): void;
  /** Once for each exchange, refused ones too. The record is valid only during the call. */
  onFinish?(record: ExchangeRecord): void;
}

/** All observers of a process, sorted by what they need to know when the configuration is put to use. */
export class Observers {
  readonly #starts: readonly ExchangeObserver[];
  readonly #attempts: readonly ExchangeObserver[];
  readonly #finishes: readonly ExchangeObserver[];
  readonly #onFault: (error: unknown) => void;

  /**
   * @param observers told in this order
   * @param onFault is told what one of them throws. May not throw.
   */
  constructor(observers: readonly ExchangeObserver[], onFault: (error: unknown) => void) {
    this.#starts = observers.filter((one) => one.onStart !== undefined);
    this.#attempts = observers.filter((one) => one.onAttempt !== undefined);
    this.#finishes = observers.filter((one) => one.onFinish !== undefined);
    this.#onFault = onFault;
  }

  started(exchange: StartedExchange): void {
    for (let index = 0; index < this.#starts.length; index++) {
      try {
        this.#starts[index].onStart?.(exchange);
      } catch (error) {
        this.#onFault(error);
      }
    }
  }

  /** Whether somebody is told of attempts. */
  get wantAttempts(): boolean {
    return this.#attempts.length > 0;
  }

  attempted(attempt: StartedAttempt): void {
    for (const observer of this.#attempts) {
      try {
        observer.onAttempt?.(attempt);
      } catch (error) {
        this.#onFault(error);
      }
    }
  }

  finished(record: ExchangeRecord): void {
    for (let index = 0; index < this.#finishes.length; index++) {
      try {
        this.#finishes[index].onFinish?.(record);
      } catch (error) {
        this.#onFault(error);
      }
    }
  }
}

let slotCount = 0;

/**
 * Where an observer keeps what it has made of a kind of call, so that it need not be made for each call: `ExchangeSubject.kept`, at
 * a place that no other observer has. One for each kind of thing, made when the module is loaded.
 */
export class ObserverSlot<Value extends object> {
  readonly #index = slotCount++;
  readonly #isValue: (value: unknown) => value is Value;

  constructor(isValue: (value: unknown) => value is Value) {
    this.#isValue = isValue;
  }

  of({ kept }: ExchangeSubject): Value | undefined {
    const value = kept[this.#index];
    return this.#isValue(value) ? value : undefined;
  }

  keep({ kept }: ExchangeSubject, value: Value): void {
    // A hole would make every later look slow.
    while (kept.length < this.#index) kept.push(undefined);
    kept[this.#index] = value;
  }
}
