// The process that takes leases, as the proxy sees it: it is started, asked, started again when it has ended, and told to end. Whatever it
// does, the proxy goes on, and each question is answered. The number of open questions is bounded.

import type { ChildProcess } from 'node:child_process';
import type { LeaseAnswer, LeaseAsk } from '../config/lease-messages.ts';
import { type FromStores, readFromStores, type ToStores } from './store-messages.ts';
import type { StoreOptions } from './store-options.ts';

/** One that has lived for so long is started again after the first pause when it ends. Others wait longer each time. */
const LONG_LIFE_MS = 60_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** How many questions may be open, of all processes that carry calls. */
const MOST_OPEN = 4096;
/** One that has not answered a question for so long hangs. Its own limit for a command is a second. */
const SILENT_MS = 10_000;
const END_WITHIN_MS = 1000;

export type FaultReport = Omit<Extract<FromStores, { type: 'fault' }>, 'type'>;
/** @param answer has a reason only if the store was asked, and has failed to answer */
export type TellAnswer = (
  answer: Pick<LeaseAnswer, 'leases'> & { readonly reason?: string },
  tookMs: number,
) => void;

export interface StoresProcessParts {
  readonly fork: () => ChildProcess;
  /** Tells this proxy apart from others that share a store. */
  readonly id: string;
  readonly onUp: (store: string, holders: number) => void;
  readonly onDown: (store: string, reason: string) => void;
  /** It has ended by itself: all stores are down. @param pauseMs until it is started again */
  readonly onEnded: (how: string, fault: FaultReport | undefined, pauseMs: number) => void;
  /** A shorter time for tests. */
  readonly firstPauseMs?: number;
}

interface Question {
  readonly answer: TellAnswer;
  readonly askedAtMs: number;
}

export class StoresProcess {
  readonly #parts: StoresProcessParts;
  #stores: readonly StoreOptions[];
  #child: ChildProcess | undefined = undefined;
  #startedAtMs = 0;
  #fault: FaultReport | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  #shortLives = 0;
  #isClosed = false;
  #lastNumber = 0;
  /** In the order in which they were asked. */
  readonly #questions = new Map<number, Question>();

  constructor(parts: StoresProcessParts, stores: readonly StoreOptions[]) {
    this.#parts = parts;
    this.#stores = stores;
    this.#run();
  }

  /** The id of the process that runs now, for tests. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  use(stores: readonly StoreOptions[]): void {
    this.#stores = stores;
    this.#send({ type: 'use', id: this.#parts.id, stores });
  }

  /** @param answer is called once, later */
  take(ask: LeaseAsk, answer: TellAnswer): void {
    const [oldest] = this.#questions.values();
    if (oldest !== undefined && performance.now() - oldest.askedAtMs > SILENT_MS)
      this.#child?.kill('SIGKILL');
    if (this.#child?.connected !== true || this.#questions.size >= MOST_OPEN) {
      setImmediate(() => answer({}, 0));
      return;
    }
    const number = ++this.#lastNumber;
    this.#questions.set(number, { answer, askedAtMs: performance.now() });
    this.#send({ type: 'take', ask: { ...ask, number } });
  }

  #run(): void {
    let child: ChildProcess;
    try {
      child = this.#parts.fork();
    } catch (error) {
      // Without memory for example.
      this.#startAgain(error instanceof Error ? error.message : String(error), 0);
      return;
    }
    this.#child = child;
    this.#startedAtMs = performance.now();
    this.#fault = undefined;
    child.on('message', (message) => {
      if (this.#child === child) this.#receive(child, message);
    });
    child.on('error', (error) => {
      // Errors of a running process show in other ways.
      if (child.pid === undefined) this.#lose(child, error.message);
    });
    // At 'exit' the channel may still hold its last messages.
    child.once('close', (code, signal) =>
      this.#lose(child, signal === null ? `exit code ${code}` : `signal ${signal}`),
    );
    // Without its channel it is of no use.
    child.once('disconnect', () => child.kill('SIGKILL'));
    this.use(this.#stores);
  }

  #receive(child: ChildProcess, message: unknown): void {
    const read = readFromStores(message);
    switch (read?.type) {
      case undefined:
        child.kill('SIGKILL');
        break;
      case 'ready':
        break;
      case 'up':
        if (this.#knows(read.store)) this.#parts.onUp(read.store, read.holders);
        break;
      case 'down':
        if (this.#knows(read.store)) this.#parts.onDown(read.store, read.reason);
        break;
      case 'taken': {
        const question = this.#questions.get(read.number);
        this.#questions.delete(read.number);
        question?.answer(read, read.tookMs);
        break;
      }
      case 'fault':
        this.#fault = read;
        break;
    }
  }

  #knows(store: string): boolean {
    return this.#stores.some(({ name }) => name === store);
  }

  #lose(child: ChildProcess, how: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    const questions = [...this.#questions.values()];
    this.#questions.clear();
    // First of all the stores are down: who hears that there is no answer must not ask at once again.
    this.#startAgain(how, performance.now() - this.#startedAtMs);
    for (const { answer } of questions) answer({}, 0);
  }

  #startAgain(how: string, livedMs: number): void {
    if (this.#isClosed) return;
    this.#shortLives = livedMs < LONG_LIFE_MS ? this.#shortLives + 1 : 1;
    const { firstPauseMs = FIRST_PAUSE_MS } = this.#parts;
    const pauseMs = Math.min(firstPauseMs * 2 ** (this.#shortLives - 1), LONGEST_PAUSE_MS);
    this.#timer = setTimeout(() => this.#run(), pauseMs);
    this.#timer.unref();
    this.#parts.onEnded(how, this.#fault, pauseMs);
  }

  /** Ends it. Never rejects. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined) return;
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    child.once('close', () => resolve());
    this.#send({ type: 'close' });
    const timer = setTimeout(() => child.kill('SIGKILL'), END_WITHIN_MS);
    await ended;
    clearTimeout(timer);
  }

  /** A message that the channel does not take is lost with the process, whose end is told. */
  #send(message: ToStores): void {
    if (this.#child?.connected === true) this.#child.send(message, () => undefined);
  }
}
