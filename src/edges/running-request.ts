// A request of an HTTP/1.1 client, in progress or waiting for its turn: its stream, its exchange, and a translator if there is one.

import type { ClientCall } from '../calls/client-call.ts';
import { clientTookNothing, type Failure } from '../calls/failure.ts';
import type { LocalResponse } from '../calls/local-response.ts';
import type { Exchange } from '../relay/exchange.ts';
import type { Http1Call } from './http1-call.ts';
import type { Http1Head } from './http1-head.ts';

export class RunningRequest {
  readonly exchange: Exchange;
  readonly #head: Http1Head;
  readonly #call: Http1Call;
  readonly #owner: ClientCall;
  #isStarted = false;
  /** Why the request was aborted before its turn. The response has to wait for its turn all the same. */
  #cause: Failure | undefined = undefined;

  constructor(head: Http1Head, call: Http1Call, exchange: Exchange, owner: ClientCall) {
    this.#head = head;
    this.#call = call;
    this.exchange = exchange;
    this.#owner = owner;
    call.own(owner);
    if (head.expectsContinue) call.awaitContinue();
  }

  /** It is the request's turn: starts the exchange. */
  start(): void {
    this.#isStarted = true;
    if (this.#cause !== undefined) {
      this.exchange.refuse(this.#cause);
      return;
    }
    const { hasBody, expectsContinue } = this.#head;
    if (!expectsContinue) this.#call.goOn();
    this.#owner.start(!hasBody);
    this.#call.receive();
  }

  /** Instead of start(): tells the client that it speaks another protocol than its route. */
  refuse(response: LocalResponse, reason: string): void {
    this.#isStarted = true;
    this.exchange.refuseMismatch(response, reason);
  }

  /** Instead of start(): closes the connection without a response. */
  drop(reason: string): void {
    this.exchange.refuseMismatch(undefined, reason);
    this.#call.destroy();
  }

  /** Closes the connection after this response. */
  closeAfter(): void {
    this.#call.closeAfter();
  }

  abort(cause: Failure): void {
    this.closeAfter();
    if (this.#isStarted) this.#owner.abort(cause);
    else this.#cause ??= cause;
  }

  /** Call this periodically. Aborts the request if the client has taken nothing of the pending data for `stallTimeoutMs`. */
  checkTime(nowMs: number, stallTimeoutMs: number = Number.POSITIVE_INFINITY): void {
    if (this.#call.noteProgress(nowMs) < stallTimeoutMs) return;
    this.#owner.abort(clientTookNothing(stallTimeoutMs));
    this.#call.destroy();
  }

  destroy(): void {
    this.#call.destroy();
  }
}
