// Answers of the admin server for which all processes are asked. Whoever asks for the same while an answer is being made shares the next one:
// an answer is never older than the question. There is one answer of a page at a time, a few of all pages, and pauses in between, so that no
// number of clients makes the processes do more than a part of their time.

import type { Containment } from '../transport/containment.ts';
import { type AdminClock, guardedClock } from './admin-clock.ts';
import type { Answer } from './admin-pages.ts';

/** Answers that are being made at a time, of different pages. */
const MOST_AT_ONCE = 4;
/** Different answers that may wait: of clients without the token, and in all. */
const MOST_WAITING = 32;
const MOST_WAITING_WITH_TOKEN = 64;
/** After an answer its page rests for so many times as long as it has taken, unless a client with the token waits. */
const REST_FACTOR = 3;
const LONGEST_REST_MS = 1_000;
const RETRY_AFTER_S = 1;

export interface Question {
  /** The page, of which there are few. */
  readonly page: string;
  /** What else the answer depends on. The same text means the same answer. */
  readonly details: string;
  readonly hasToken: boolean;
  readonly make: () => Answer | Promise<Answer>;
}

/** Says when the client has gone: a response of Node. */
export interface Asker {
  once(event: 'close', listener: () => void): unknown;
}

export interface SharedAnswersParts {
  /** Is told of each question that is turned away. */
  readonly onBusy: () => void;
  readonly containment: Containment;
  readonly clock?: Pick<AdminClock, 'now' | 'later'>;
}

interface Waiting {
  readonly make: Question['make'];
  hasToken: boolean;
  readonly askers: Map<Asker, PromiseWithResolvers<Answer | undefined>>;
}

interface PageAnswers {
  isBeingMade: boolean;
  isResting: boolean;
  /** By their details. */
  readonly waiting: Map<string, Waiting>;
}

export class SharedAnswers {
  readonly #onBusy: () => void;
  readonly #containment: Containment;
  readonly #clock: Pick<AdminClock, 'now' | 'later'>;
  /** In the order in which their turn comes. */
  readonly #pages = new Map<string, PageAnswers>();
  #beingMade = 0;
  #waiting = 0;

  constructor({ onBusy, containment, clock = guardedClock(containment) }: SharedAnswersParts) {
    this.#onBusy = onBusy;
    this.#containment = containment;
    this.#clock = clock;
  }

  /** Resolves to undefined if the client has gone before. Rejects if the answer cannot be made. */
  ask(question: Question, asker: Asker): Promise<Answer | undefined> {
    const page = this.#pageOf(question.page);
    if (page.waiting.size === 0) this.#moveToEnd(question.page, page);
    const waiting = page.waiting.get(question.details) ?? this.#add(page, question);
    if (waiting === undefined) {
      this.#onBusy();
      return Promise.resolve(BUSY);
    }
    if (question.hasToken) waiting.hasToken = true;
    const answer = Promise.withResolvers<Answer | undefined>();
    waiting.askers.set(asker, answer);
    const leave = this.#containment.guard(ignore, () => {
      waiting.askers.delete(asker);
      answer.resolve(undefined);
      if (waiting.askers.size === 0) this.#drop(page, question.details, waiting);
    });
    asker.once('close', leave);
    this.#makeNext();
    return answer.promise;
  }

  #pageOf(name: string): PageAnswers {
    const known = this.#pages.get(name);
    if (known !== undefined) return known;
    const page: PageAnswers = { isBeingMade: false, isResting: false, waiting: new Map() };
    this.#pages.set(name, page);
    return page;
  }

  /** Other pages, for which somebody waits already, come first. */
  #moveToEnd(name: string, page: PageAnswers): void {
    this.#pages.delete(name);
    this.#pages.set(name, page);
  }

  #add(page: PageAnswers, { details, hasToken, make }: Question): Waiting | undefined {
    if (this.#waiting >= (hasToken ? MOST_WAITING_WITH_TOKEN : MOST_WAITING)) return undefined;
    const waiting: Waiting = { make, hasToken, askers: new Map() };
    page.waiting.set(details, waiting);
    this.#waiting++;
    return waiting;
  }

  /** Nobody waits for it any more. One that is being made is finished all the same. */
  #drop(page: PageAnswers, details: string, waiting: Waiting): void {
    if (page.waiting.get(details) !== waiting) return;
    page.waiting.delete(details);
    this.#waiting--;
  }

  #makeNext(): void {
    for (const [name, page] of this.#pages) {
      if (this.#beingMade >= MOST_AT_ONCE) return;
      if (page.isBeingMade || page.waiting.size === 0) continue;
      const all = [...page.waiting];
      const next = all.find(([, { hasToken }]) => hasToken) ?? (page.isResting ? undefined : all[0]);
      if (next === undefined) continue;
      const [details, waiting] = next;
      this.#drop(page, details, waiting);
      this.#moveToEnd(name, page);
      void this.#make(page, waiting);
    }
  }

  /** Never rejects. */
  async #make(page: PageAnswers, { make, askers }: Waiting): Promise<void> {
    const begunMs = this.#clock.now();
    page.isBeingMade = true;
    this.#beingMade++;
    try {
      const made = await make();
      // One buffer for all who asked.
      const answer: Answer = { ...made, text: Buffer.from(made.text) };
      for (const { resolve } of askers.values()) resolve(answer);
    } catch (error) {
      for (const { reject } of askers.values()) reject(error);
    }
    this.#beingMade--;
    page.isBeingMade = false;
    this.#rest(page, REST_FACTOR * (this.#clock.now() - begunMs));
    this.#makeNext();
  }

  #rest(page: PageAnswers, wantedMs: number): void {
    if (wantedMs <= 0) return;
    page.isResting = true;
    this.#clock.later(
      () => {
        // Another answer, for a client with the token, may have been made meanwhile. Its rest is of no importance.
        page.isResting = false;
        this.#makeNext();
      },
      Math.min(LONGEST_REST_MS, wantedMs),
    );
  }
}

const BUSY: Answer = {
  status: 503,
  text: 'the admin server has too much to do; ask again in a second',
  headers: { 'retry-after': String(RETRY_AFTER_S) },
};

function ignore(): void {
  // The client has gone.
}
