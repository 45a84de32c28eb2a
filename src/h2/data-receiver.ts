// Counts DATA against both windows and the content-length, and passes it to its stream piece by piece as it arrives (RFC 9113
// sections 6.1, 6.9 and 8.1.1). DATA for streams that are over is counted too, and then dropped.

import { ErrorCode } from './error-codes.ts';
import { ConnectionError, StreamError } from './errors.ts';
import { Flood, type FloodGuard } from './flood-guard.ts';
import type { Sender } from './sender.ts';
import type { LocalSettings } from './settings.ts';
import { NO_CONTENT_ALLOWED, type Stream } from './stream.ts';
import type { StreamRegistry } from './stream-registry.ts';
import { nextStreamState, StreamInput, StreamState, StreamViolation } from './stream-state.ts';

export class DataReceiver {
  readonly #streams: StreamRegistry;
  readonly #sender: Sender;
  readonly #guard: FloodGuard;
  /**
   * How many bytes of padding in excess of content are allowed. Padding hides the size of messages, but padding beyond this
   * serves only an attack.
   */
  readonly #mostExcessPadding: number;
  readonly #paddingKey: 'padding' | 'upstreamPadding';
  #window: number;
  /** Bytes of padding received in excess of content. */
  #excessPadding = 0;
  /** The stream of the current DATA frame. Undefined when the frame is dropped. */
  #stream: Stream | undefined = undefined;
  #endsStream = false;

  constructor(
    isServer: boolean,
    settings: LocalSettings,
    streams: StreamRegistry,
    sender: Sender,
    guard: FloodGuard,
  ) {
    this.#streams = streams;
    this.#sender = sender;
    this.#guard = guard;
    this.#window = settings.connectionWindowBytes;
    const { paddingBytes, upstreamPaddingBytes } = settings.floods;
    this.#paddingKey = isServer ? 'padding' : 'upstreamPadding';
    this.#mostExcessPadding = isServer ? paddingBytes : upstreamPaddingBytes;
  }

  /** Counts a frame against the connection's window, whether or not the frame is dropped later. */
  countConnection(length: number): void {
    this.#stream = undefined;
    this.#window -= length;
    if (this.#window < 0) {
      throw new ConnectionError(
        ErrorCode.FLOW_CONTROL_ERROR,
        'connection_window_exceeded',
        'more DATA than the connection allows',
      );
    }
    this.#window += this.#sender.creditConnection(length);
  }

  /** Drops a frame on a stream that is over, as long as all such frames stay within the windows their streams had at their end. */
  ignore(length: number): void {
    if (this.#streams.spendLateBytes(Math.max(length, 1))) return;
    throw new ConnectionError(
      ErrorCode.FLOW_CONTROL_ERROR,
      'late_data_exceeded',
      'more DATA for ended streams than their windows allowed',
    );
  }

  begin(stream: Stream, length: number, padding: number, endStream: boolean): void {
    if (nextStreamState(stream.state, StreamInput.RECEIVE_DATA) === StreamViolation.STREAM_CLOSED) {
      throw new StreamError(stream.id, ErrorCode.STREAM_CLOSED, 'data_after_end', 'DATA after END_STREAM');
    }
    if (!stream.headersReceived)
      throw streamError(stream.id, 'data_before_headers', 'DATA before the response');
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) {
      throw new StreamError(
        stream.id,
        ErrorCode.FLOW_CONTROL_ERROR,
        'stream_window_exceeded',
        'more DATA than the stream allows',
      );
    }
    const content = length - padding;
    if (content === 0 && !endStream) this.#guard.count(Flood.EMPTY_DATA);
    else this.#guard.dataReceived();
    if (stream.contentLeft !== -1) countContent(stream, content, endStream);
    if (padding > 0) this.#countPadding(stream, padding, content);
    this.#stream = stream;
    this.#endsStream = endStream;
  }

  #countPadding(stream: Stream, padding: number, content: number): void {
    this.#excessPadding = Math.max(0, this.#excessPadding + padding - content);
    if (this.#excessPadding > this.#mostExcessPadding) {
      throw new ConnectionError(
        ErrorCode.ENHANCE_YOUR_CALM,
        'too_much_padding',
        `more padding than content in DATA, and than limits.floods.${this.#paddingKey} allows`,
      );
    }
    this.#sender.credit(stream, padding);
  }

  receive(bytes: Buffer, start: number, end: number, isLast: boolean): void {
    const stream = this.#stream;
    if (stream === undefined || stream.state === StreamState.CLOSED) return;
    if (!isLast || !this.#endsStream) {
      if (start < end) stream.owner.onData(bytes, start, end, false);
      return;
    }
    this.#streams.endPeerSide(stream);
    stream.owner.onData(bytes, start, end, true);
  }
}

function countContent(stream: Stream, content: number, endStream: boolean): void {
  if (stream.contentLeft === NO_CONTENT_ALLOWED) {
    if (content === 0) return;
    throw streamError(
      stream.id,
      'response_content_forbidden',
      'DATA in answer to HEAD, or behind 204 or 304',
    );
  }
  stream.contentLeft -= content;
  if (stream.contentLeft < 0 || (endStream && stream.contentLeft !== 0)) {
    throw streamError(stream.id, 'content_length_mismatch', 'DATA does not add up to content-length');
  }
}

function streamError(streamId: number, token: string, message: string): StreamError {
  return new StreamError(streamId, ErrorCode.PROTOCOL_ERROR, token, message);
}
