// Tells one worker which endpoints there are. One message is under way at a time; of what comes meanwhile the last of each upstream is
// kept. So what a worker that does not read can hold up here is bounded.

import type { EndpointUpdate } from '../config/endpoint-update.ts';

export class EndpointFeed {
  readonly #send: (update: EndpointUpdate, sent: () => void) => void;
  readonly #waiting = new Map<string, EndpointUpdate>();
  #isSending = false;

  /** @param send calls `sent` when the message has left, or cannot */
  constructor(send: (update: EndpointUpdate, sent: () => void) => void) {
    this.#send = send;
  }

  tell(update: EndpointUpdate): void {
    this.#waiting.set(update.upstream, update);
    this.#next();
  }

  /** The worker is told all of it otherwise: by a commit, which would be undone by what waits here. */
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
