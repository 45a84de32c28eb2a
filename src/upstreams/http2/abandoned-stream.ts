// The stream of a cancelled call that cannot be reset yet. What still arrives is dropped. The stream ends with the service's
// response or with the reset, whichever comes first.

import type { HeaderList } from '../../h2/hpack/header-list.ts';
import type { Stream, StreamOwner } from '../../h2/stream.ts';
import { StreamState } from '../../h2/stream-state.ts';
import type { Holding } from '../holding.ts';
import { isQuestion } from './upstream-call.ts';

/** How many bytes are dropped before the service gets no more credit. Most responses are over by then. */
const MOST_DROPPED_BYTES = 1_048_576;

/** Called once. `reset` is set when the stream ended by RST_STREAM, unless `StreamEnds` sent it. */
export type OnOver = (
  stream: AbandonedStream,
  reset?: { readonly code: number; readonly isOurs: boolean },
) => void;

export class AbandonedStream implements StreamOwner {
  readonly stream: Stream;
  holding: Holding | undefined;
  readonly isQuestion: boolean;
  /** The error code for the reset. */
  readonly code: number;
  readonly sinceMs: number;
  /** Whether it counts among the cancelled calls of its client. Only StreamEnds changes this. */
  isCharged = false;
  readonly #onOver: OnOver;
  #leftBytes = MOST_DROPPED_BYTES;

  /**
   * @param times `nowMs` is the time of the cancellation. `windowBytes` is the stream's receive window: what the client had not
   * taken is credited now
   */
  constructor(
    stream: Stream,
    holding: Holding | undefined,
    code: number,
    times: { readonly nowMs: number; readonly windowBytes: number },
    onOver: OnOver,
  ) {
    this.stream = stream;
    this.holding = holding;
    this.code = code;
    this.sinceMs = times.nowMs;
    this.#onOver = onOver;
    this.isQuestion = isQuestion(stream.owner);
    stream.owner = this;
    stream.credit(Math.max(0, times.windowBytes - stream.receiveWindow - stream.uncreditedBytes));
  }

  onResponse(): void {
    this.#checkEnd();
  }

  onData(_bytes: Buffer, start: number, end: number): void {
    const credit = Math.min(this.#leftBytes, end - start);
    this.#leftBytes -= credit;
    if (credit > 0) this.stream.credit(credit);
    this.#checkEnd();
  }

  onTrailers(_list: HeaderList): void {
    this.#checkEnd();
  }

  /**
   * Reports the end once the stream is closed on both sides. A half-closed stream is not over: the cancelled request must not be
   * ended as if it were complete.
   */
  #checkEnd(): void {
    if (this.stream.state === StreamState.CLOSED) this.#onOver(this);
  }

  onWritable(): void {
    // Nothing more is sent.
  }

  onReset(code: number, violation: string | undefined): void {
    this.#onOver(this, { code, isOurs: violation !== undefined });
  }

  onRefused(): void {
    this.#onOver(this);
  }

  onConnectionLost(): void {
    this.#onOver(this);
  }
}
