// How an exchange ended. The first decision counts; a later one changes the record only by overrule().

import type { EndedBy } from '../calls/exchange-record.ts';

export class Outcome {
  readonly #isGrpc: boolean;
  endedBy: EndedBy = 'upstream';
  grpcStatus = '';
  reason = '';
  #isDecided = false;

  /** @param isGrpc whether the exchange can have a gRPC status */
  constructor(isGrpc: boolean) {
    this.#isGrpc = isGrpc;
  }

  /** Ignored after the first decision. @param reason one sentence, '' for an ordinary end */
  decide(endedBy: EndedBy, grpcStatus: string, reason: string): void {
    if (!this.#isDecided) this.overrule(endedBy, grpcStatus, reason);
  }

  /** Replaces an earlier decision, which can no longer reach the client. */
  overrule(endedBy: EndedBy, grpcStatus: string, reason: string): void {
    this.#isDecided = true;
    this.endedBy = endedBy;
    this.grpcStatus = this.#isGrpc ? grpcStatus : '';
    this.reason = reason;
  }
}

/** @param reason a sentence, or ''. @param note what else the record says about the end, or '' */
export function withNote(reason: string, note: string): string {
  return note === '' || reason === '' ? reason + note : `${reason} ${note}`;
}
