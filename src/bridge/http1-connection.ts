// The HTTP/1.1 requests of one connection: answered one after the other, in the order they came (RFC 9112 section 9.3.2),
// so that a request waits until what it may depend on is done.

import { ageFactor } from '../relay/client-terms.ts';
import { Http1HeadMemo } from './http1-head.ts';

export class Http1Connection {
  readonly memo = new Http1HeadMemo();
  /** The first runs, the others wait. */
  readonly #queue: (() => void)[] = [];

  readonly #sinceMs = performance.now();
  readonly #ageFactor = ageFactor();

  /** Its client is to make another, once what it asks for now is answered. */
  isOlderThan(ageMs: number | undefined): boolean {
    return ageMs !== undefined && performance.now() - this.#sinceMs >= ageMs * this.#ageFactor;
  }

  get outstandingCount(): number {
    return this.#queue.length;
  }

  /** `start` is called when its turn has come, perhaps at once. */
  enqueue(start: () => void): void {
    this.#queue.push(start);
    if (this.#queue.length === 1) start();
  }

  /** The one that runs is done. */
  next(): void {
    this.#queue.shift();
    this.#queue.at(0)?.();
  }
}
