// Of a gRPC message whose tokens were taken when its prefix came: which of them are for bytes that its sender still owes.

import type { AnnouncedTokens, FlowRateLimit } from '../calls/flow-limits.ts';

export class AnnouncedBytes {
  readonly #rate: FlowRateLimit;
  /** Undefined if no message is coming. */
  #tokens: AnnouncedTokens | undefined = undefined;
  #missing = 0;

  constructor(rate: FlowRateLimit) {
    this.#rate = rate;
  }

  /**
   * @param missingBytes how much of the message has not passed. Less than before, unless it is another message
   * @param isWaiting whether a part of that has come, and waits here
   */
  lacks(missingBytes: number, isWaiting: boolean): void {
    const came = this.#missing - missingBytes;
    this.#missing = missingBytes;
    if (came < 0) {
      const { tokens, key, client } = this.#rate;
      this.#tokens = tokens.announce?.(key, missingBytes, client);
    } else if (came > 0) this.#tokens?.came(came);
    if (missingBytes === 0) this.#tokens = undefined;
    else this.#tokens?.owed(!isWaiting);
  }

  /** All of the message has come. */
  finish(): void {
    this.lacks(0, false);
  }

  /** Nothing more comes of the message. May be called twice. */
  end(): void {
    this.#tokens?.end();
    this.#tokens = undefined;
  }
}
