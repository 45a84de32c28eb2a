// One question to a service: waits for a place at one of its endpoints, as calls do, asks there, and asks again only what no endpoint has
// processed. It sets no timer: its user calls `expire` when the time for the answer is over.

import { type AttemptEnd, isRepeated } from '../calls/retry-policy.ts';
import type { UnaryListener, UnaryQuestion } from '../calls/unary-service.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { Holding } from '../upstreams/holding.ts';
import type { Http2Endpoint } from '../upstreams/http2/http2-endpoint.ts';
import type { Upstream } from '../upstreams/upstream.ts';
import type { CallTraits, Waiter } from '../upstreams/waiter.ts';
import { UnaryAttempt, type UnaryAttemptEvents } from './unary-attempt.ts';

const NONE: readonly never[] = [];

export interface UnaryCallParts {
  readonly upstream: Upstream<Http2Endpoint>;
  readonly path: string;
  readonly mostAnswerBytes: number;
  /** The header fields for an endpoint. */
  readonly headFor: (endpoint: Http2Endpoint) => HeaderList;
  /** Receives what a listener has thrown. Must not throw. */
  readonly onFault: (error: unknown) => void;
}

/** The policy that asks sees only `UnaryQuestion`. The queue of the upstream sees a `Waiter`, and the attempt tells its events. */
export class UnaryCall implements UnaryQuestion, Waiter<Http2Endpoint>, UnaryAttemptEvents {
  readonly holding: Holding;
  readonly tried = NONE;
  readonly traits: CallTraits;
  readonly #parts: UnaryCallParts;
  readonly #body: Buffer;
  readonly #listener: UnaryListener;
  #isWaiting = false;
  #isOver = false;
  #attempt: UnaryAttempt | undefined = undefined;
  #endpoint = '';
  #repeats = 0;

  /** @param body the message with its prefix */
  constructor(parts: UnaryCallParts, holding: Holding, body: Buffer, listener: UnaryListener) {
    this.#parts = parts;
    this.holding = holding;
    this.traits = { hash: undefined, method: parts.path };
    this.#body = body;
    this.#listener = listener;
  }

  begin(): void {
    const { upstream } = this.#parts;
    const endpoint = upstream.pickFor(this.holding, NONE, this.traits);
    if (endpoint !== undefined) {
      this.#send(endpoint);
      return;
    }
    this.#isWaiting = true;
    upstream.wait(this);
  }

  #send(endpoint: Http2Endpoint): void {
    const connection = endpoint.takePicked();
    if (connection === undefined) throw new Error('an endpoint that was picked has no room');
    const { path, mostAnswerBytes, headFor } = this.#parts;
    const { holding } = this;
    this.#endpoint = endpoint.address.text;
    const attempt = new UnaryAttempt({
      endpoint,
      connection,
      holding,
      method: path,
      mostAnswerBytes,
      events: this,
    });
    this.#attempt = attempt;
    attempt.begin(headFor(endpoint), this.#body);
  }

  cancel(): void {
    this.#stop(false);
  }

  expire(): void {
    this.#stop(true);
  }

  #stop(isLate: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#attempt?.cancel(isLate);
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#parts.upstream.stopWaiting(this);
  }

  onEndpoint(endpoint: Http2Endpoint): void {
    this.#isWaiting = false;
    this.#contain(() => this.#send(endpoint));
  }

  forgetTried(): void {
    // No endpoint is left out.
  }

  onUnavailable({ sentence }: Diagnosis): void {
    this.#isWaiting = false;
    this.#fail(withoutStop(sentence));
  }

  answered(message: Buffer): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#contain(() => this.#listener.answered(message));
  }

  failed(predicate: string, grpcStatus?: string): void {
    this.#fail(withoutStop(`${this.#endpoint} ${predicate}`), grpcStatus);
  }

  unprocessed(end: AttemptEnd, predicate: string): void {
    if (this.#isOver) return;
    this.#attempt = undefined;
    if (!isRepeated(end, this.#repeats++)) this.failed(predicate);
    else this.#contain(() => this.begin());
  }

  #fail(why: string, grpcStatus?: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#contain(() => this.#listener.failed(why, grpcStatus));
  }

  fault(error: unknown): void {
    this.#parts.onFault(error);
  }

  /** An error within one question must neither end a connection nor keep the next one from its place. */
  #contain(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.fault(error);
      this.#stop(false);
    }
  }
}

function withoutStop(sentence: string): string {
  return sentence.endsWith('.') ? sentence.slice(0, -1) : sentence;
}
