// Observers are told when an exchange starts, attempts a request, and ends. Metrics, the log and diagnoses are observers. They cannot
// influence an exchange, and an error that one of them throws reaches neither the exchange nor the other observers.

import type { MessageWatch } from '../grpc/message-watch.ts';
import type { CallTrace } from './call-trace.ts';
import type { ExchangeRecord, ExchangeSubject, ExchangeTraffic } from './exchange-record.ts';

/** An exchange that is about to be forwarded. */
export interface StartedExchange {
  readonly subject: ExchangeSubject;
  /** A number from RequestIds, different for each exchange of the process. */
  readonly number: number;
  /** A number from RequestIds, or the client's own x-request-id if it is kept. */
  readonly requestId: string | number;
  /** Who the client has shown to be. Undefined if it was not asked, or has not answered yet. */
  readonly identity?: string | undefined;
  /** Undefined if the call is not traced. */
  readonly trace?: CallTrace | undefined;
  /** What the exchange has carried so far. */
  readonly traffic: ExchangeTraffic;
}

/** An attempt that is about to be sent. */
export interface StartedAttempt {
  readonly exchange: StartedExchange;
  /** The address of the endpoint, as configured. */
  readonly endpoint: string;
  /** 1 for the first attempt of the exchange. */
  readonly number: number;
}

/** An exchange that has just begun: no byte of its request has come. */
export interface WatchedExchange extends StartedExchange {
  /** The address of the endpoint of the attempt that is under way, or ''. */
  readonly endpointAtWork: string;
}

/** What follows the messages of an exchange. */
export interface MessageWatches {
  readonly request: MessageWatch;
  readonly response: MessageWatch;
}

/** An observer implements only the methods that it needs. An event that no observer needs costs nothing. */
export interface ExchangeObserver {
  /** Whether it reads header fields of requests (`receivedHeader`), which are not kept otherwise. */
  readonly readsHeaders?: boolean;
  /**
   * Called once for each gRPC exchange, before anything of its request has come, also for exchanges that are not forwarded.
   * @returns undefined if the messages of the exchange are not wanted
   */
  watchMessages?(exchange: WatchedExchange): MessageWatches | undefined;
  /** Called once for each exchange that is about to be forwarded, not for exchanges that the proxy refuses or answers itself. */
  onStart?(exchange: StartedExchange): void;
  /** Called before each attempt. */
  onAttempt?(attempt: StartedAttempt): void;
  /** Called once for each exchange, also for refused ones. The record is valid only during the call. */
  onFinish?(record: ExchangeRecord): void;
}

/** All observers of a process, sorted by the events that they need. Created when the set of observers changes. */
export class Observers {
  readonly #starts: readonly ExchangeObserver[];
  readonly #attempts: readonly ExchangeObserver[];
  readonly #finishes: readonly ExchangeObserver[];
  readonly #onFault: (error: unknown) => void;
  /** Whether calls must keep the header fields of their requests. */
  readonly readHeaders: boolean;
  /** Who follows messages. Only one observer can. Undefined if nobody does. */
  readonly #watcher: ExchangeObserver | undefined;

  /**
   * @param observers in the order in which they are called
   * @param onFault receives each error that an observer throws. Must not throw.
   */
  constructor(observers: readonly ExchangeObserver[], onFault: (error: unknown) => void) {
    this.#starts = observers.filter((one) => one.onStart !== undefined);
    this.#attempts = observers.filter((one) => one.onAttempt !== undefined);
    this.#finishes = observers.filter((one) => one.onFinish !== undefined);
    this.#onFault = onFault;
    this.readHeaders = observers.some((one) => one.readsHeaders === true);
    this.#watcher = observers.find((one) => one.watchMessages !== undefined);
  }

  /** Whether any observer needs messages. */
  get wantMessages(): boolean {
    return this.#watcher !== undefined;
  }

  /** @returns undefined if the messages of the exchange are not wanted */
  watchMessages(exchange: WatchedExchange): MessageWatches | undefined {
    try {
      return this.#watcher?.watchMessages?.(exchange);
    } catch (error) {
      this.#onFault(error);
      return undefined;
    }
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

  /** Whether any observer needs attempts. */
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
 * A place in `ExchangeSubject.kept` where an observer keeps a value for a kind of call, so that the value is not computed again for each
 * call. It must not follow from what differs between calls of a kind: see ExchangeSubject. No two slots share a place. Create one slot per type of value, when the module is loaded.
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
    // An array with holes is slow to read.
    while (kept.length < this.#index) kept.push(undefined);
    kept[this.#index] = value;
  }
}
