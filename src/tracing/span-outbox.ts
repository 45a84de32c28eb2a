// What a process that carries calls has for the exporter, until it is taken there: a bounded number of lines of text. It never holds
// anything else up: what finds no room is dropped and counted.

import type { DeliverSpans } from './span-lines.ts';

/** How many spans may wait in one process. Two spans are one call mostly. */
export const MOST_WAITING_SPANS = 2048;
/** A batch of this size is on its way at once. */
const BATCH_SPANS = 256;
/** How long the first span of a batch waits for others. */
const DELAY_MS = 250;

export class SpanOutbox {
  /** Undefined until someone takes spans. */
  deliver: DeliverSpans | undefined = undefined;
  readonly #delayMs: number;
  #lines: string[] = [];
  #count = 0;
  #dropped = 0;
  #limited = 0;
  /** Whether a batch is on its way, and the next one waits for it. */
  #isUnderWay = false;
  #timer: NodeJS.Timeout | undefined = undefined;
  #isDue = false;

  constructor(delayMs = DELAY_MS) {
    this.#delayMs = delayMs;
  }

  /** The number of spans that wait here. */
  get length(): number {
    return this.#count;
  }

  /** Whether this number of spans finds room. If not, they are counted as dropped, and must not be added. */
  hasRoomFor(count: number): boolean {
    if (this.#count + count <= MOST_WAITING_SPANS) return true;
    this.#dropped += count;
    return false;
  }

  /** @param line of `count` spans */
  add(line: string, count: number): void {
    this.#lines.push(line);
    this.#count += count;
    this.#schedule();
  }

  /** Counts spans that nobody makes, since too many calls have failed. */
  limit(count: number): void {
    this.#limited += count;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isUnderWay) return;
    if (this.#count >= BATCH_SPANS && !this.#isDue) {
      // Not within the event that has ended the call, which is still to be answered.
      this.#isDue = true;
      this.#setTimer(0);
    } else if (this.#timer === undefined) this.#setTimer(this.#delayMs);
  }

  #setTimer(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), delayMs);
    this.#timer.unref();
  }

  /** Sends what waits, without waiting for the batch before it. Spans that nobody takes are dropped. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isDue = false;
    const [count, dropped, limited] = [this.#count, this.#dropped, this.#limited];
    if (count + dropped + limited === 0) return;
    const lines = this.#lines.join('\n');
    this.#lines = [];
    this.#count = 0;
    this.#dropped = 0;
    this.#limited = 0;
    this.#isUnderWay = true;
    this.deliver?.({ lines, count, dropped, limited }, () => {
      this.#isUnderWay = false;
      if (this.#count + this.#dropped + this.#limited > 0) this.#schedule();
    });
  }
}
