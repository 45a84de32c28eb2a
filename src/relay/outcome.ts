// How an exchange ended, decided once: whatever is learned after the first decision does not change the record.

import type { EndedBy } from '../calls/exchange-record.ts';

export class Outcome {
  readonly #isGrpc: boolean;
  endedBy: EndedBy = 'upstream';
  grpcStatus = '';
  reason = '';
  #isDecided = false;

  /** @param isGrpc whether the exchange has a gRPC status at all */
  constructor(isGrpc: boolean) {
    this.#isGrpc = isGrpc;
  }

  /** @param reason one sentence, '' for an ordinary end */
  decide(endedBy: EndedBy, grpcStatus: string, reason: string): void {
    if (!this.#isDecided) this.overrule(endedBy, grpcStatus, reason);
  }

  /** For an end that keeps what was decided from reaching the client. */
  overrule(endedBy: EndedBy, grpcStatus: string, reason: string): void {
    this.#isDecided = true;
    this.endedBy = endedBy;
    this.grpcStatus = this.#isGrpc ? grpcStatus : '';
    this.reason = reason;
  }
}
