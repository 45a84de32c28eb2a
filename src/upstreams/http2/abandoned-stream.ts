// The stream of a call that nobody wants any more and that cannot be reset yet: what still comes is dropped. It ends with
// the service's response or with the reset, whichever comes first.

import type { HeaderList } from '../../h2/hpack/header-list.ts';
import type { Stream, StreamOwner } from '../../h2/stream.ts';
import { StreamState } from '../../h2/stream-state.ts';
import type { Holding } from '../holding.ts';

/** Octets that are dropped before the service gets no more credit: most responses are over by then. */
const MOST_DROPPED_BYTES = 1_048_576;

/** Told once. `reset` is how it ended, where it was by RST_STREAM and not by `StreamEnds`. */
export type OnOver = (
  stream: AbandonedStream,
  reset?: { readonly code: number; readonly isOurs: boolean },
) => void;

export class AbandonedStream implements StreamOwner {
  readonly stream: Stream;
  holding: Holding | undefined;
  /** For the reset. */
  readonly code: number;
  readonly sinceMs: number;
  readonly #onOver: OnOver;
  #leftBytes = MOST_DROPPED_BYTES;

  /** @param windowBytes what the service may send at a time; what its client had not taken is credited now */
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

  /** Half-closed is not closed: the request that was broken off is not ended as if it were whole. */
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
