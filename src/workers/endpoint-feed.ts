// Sends updates of endpoints, of their health or of their weights to one worker, one message at a time. Meanwhile only the newest
// update of each upstream is kept, so that a worker that does not read costs a bounded amount of memory.

import type { EndpointUpdate } from '../config/endpoint-update.ts';

export class EndpointFeed<Update extends { readonly upstream: string } = EndpointUpdate> {
  readonly #send: (update: Update, sent: () => void) => void;
  readonly #waiting = new Map<string, Update>();
  #isSending = false;

  /** @param send must call `sent` when the message was sent or could not be sent */
  constructor(send: (update: Update, sent: () => void) => void) {
    this.#send = send;
  }

  tell(update: Update): void {
    this.#waiting.set(update.upstream, update);
    this.#next();
  }

  /** Drops what waits. A commit carries all endpoints, and older updates sent after it would undo it. */
  clear(): void {
    this.#waiting.clear();
  }

  #next(): void {
    if (this.#isSending) return;
    for (const [upstream, update] of this.#waiting) {
      this.#waiting.delete(upstream);
      this.#isSending = true;
      this.#send(update, () => {
        this.#isSending = false;
        this.#next();
      });
      return;
    }
  }
}
