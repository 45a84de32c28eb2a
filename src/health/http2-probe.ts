// What the probes of an endpoint that speaks HTTP/2 share: one connection, which stays open from one check to the next. What is asked on
// it differs: see grpc-probe.ts and get-probe.ts.

import type { Http2Target } from './endpoint-access.ts';
import type { Probe, ProbeEvents, ProbeFailure } from './probe.ts';
import { ProbeConnection } from './probe-connection.ts';

/** What is asked on the connection. */
export interface Question {
  readonly method: string;
  /** What an answer is waited for from. */
  readonly waitsFor: string;
  /** Asks. One of the methods of Answers is called then, perhaps at once. */
  ask(connection: ProbeConnection): void;
  onCaughtUp(connection: ProbeConnection): void;
  /** The connection is gone, or given up: forgets all that was asked on it. */
  reset(): void;
}

export interface Answers {
  passed(): void;
  failed(failure: ProbeFailure): void;
  /** What was asked ended by itself while nothing ran. */
  lost(): void;
}

export class Http2Probe implements Probe {
  readonly #target: Http2Target;
  readonly #events: ProbeEvents;
  readonly #question: Question;
  #connection: ProbeConnection | undefined = undefined;
  #isRunning = false;
  /** The connection of this run is a new one. An old one may have been given up by the endpoint just now. */
  #isFresh = false;

  /** @param makeQuestion gets where to give the answers to */
  constructor(target: Http2Target, events: ProbeEvents, makeQuestion: (answers: Answers) => Question) {
    this.#target = target;
    this.#events = events;
    this.#question = makeQuestion({
      passed: () => {
        this.#isRunning = false;
        events.onPassed();
      },
      failed: (failure) => this.#failed(failure),
      lost: () => {
        if (!this.#isRunning) events.onLost();
        else if (this.#connection !== undefined) this.#question.ask(this.#connection);
      },
    });
  }

  get method(): string {
    return this.#question.method;
  }

  run(): void {
    this.#isRunning = true;
    this.#isFresh = this.#connection === undefined;
    if (this.#connection !== undefined) this.#question.ask(this.#connection);
    else this.#dial();
  }

  #dial(): void {
    this.#isFresh = true;
    const { address, dialer, floods } = this.#target;
    const connection: ProbeConnection = new ProbeConnection(address, dialer, floods, {
      onReady: () => this.#question.ask(connection),
      onCaughtUp: () => this.#question.onCaughtUp(connection),
      onEnded: (predicate) => this.#ended(predicate),
    });
    this.#connection = connection;
  }

  #ended(predicate: string): void {
    this.#drop();
    if (!this.#isRunning) this.#events.onLost();
    else if (this.#isFresh) this.#failed({ predicate, isAnswer: false });
    else this.#dial();
  }

  #failed(failure: ProbeFailure): void {
    this.#isRunning = false;
    this.#events.onFailed(failure);
  }

  #drop(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#question.reset();
    connection?.close();
  }

  giveUp(): string {
    const waitsFor = this.#connection?.waitsFor ?? this.#question.waitsFor;
    this.#isRunning = false;
    this.#connection?.destroy();
    this.#drop();
    return waitsFor;
  }

  close(): void {
    this.#isRunning = false;
    this.#drop();
  }
}
