// A request of an HTTP/1.1 client that runs: its stream, and its exchange, perhaps behind a translator.

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
  /** Why it is not made, found before its turn: nothing may be written into the responses before it. */
  #cause: Failure | undefined = undefined;
  /** Of all that was written to the client's connection, at the last look that found a change. */
  #takenBytes = -1;
  #takenAtMs = 0;

  constructor(head: Http1Head, call: Http1Call, exchange: Exchange, owner: ClientCall) {
    this.#head = head;
    this.#call = call;
    this.exchange = exchange;
    this.#owner = owner;
    call.own(owner);
    if (head.expectsContinue) call.awaitContinue();
  }

  /** Its turn has come. */
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

  /** In place of `start`. */
  answer(response: LocalResponse, reason: string): void {
    this.#isStarted = true;
    this.exchange.answer(response, reason);
  }

  /** In place of `start`: nobody is told anything. */
  drop(reason: string): void {
    this.exchange.drop(reason);
    this.#call.destroy();
  }

  /** No request after this one. */
  closeAfter(): void {
    this.#call.closeAfter();
  }

  abort(cause: Failure): void {
    this.closeAfter();
    if (this.#isStarted) this.#owner.abort(cause);
    else this.#cause ??= cause;
  }

  /** To be called now and then. A client that takes nothing of what is written to it has so much time in a row. */
  checkTime(nowMs: number, stallTimeoutMs: number): void {
    const { bytesWritten, writableLength } = this.#call.socket;
    const takenBytes = bytesWritten - writableLength;
    if (writableLength === 0 || takenBytes !== this.#takenBytes) {
      this.#takenBytes = takenBytes;
      this.#takenAtMs = nowMs;
    } else if (nowMs - this.#takenAtMs >= stallTimeoutMs) {
      this.#owner.abort(clientTookNothing(stallTimeoutMs));
      this.#call.destroy();
    }
  }

  destroy(): void {
    this.#call.destroy();
  }
}
