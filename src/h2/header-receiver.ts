// Assembles, decodes and checks header blocks, and passes each to its stream as a request, a response or a trailer section (RFC
// 9113 sections 4.3 and 8.1).

import type { ConnectionHandler } from './connection-handler.ts';
import { ErrorCode } from './error-codes.ts';
import { ConnectionError, StreamError } from './errors.ts';
import { Flood, type FloodGuard } from './flood-guard.ts';
import { DEFAULT_MAX_FRAME_BYTES, Flag } from './frame-type.ts';
import { HeaderBlock } from './header-block.ts';
import { checkRequest, checkResponse, checkTrailers } from './header-rules.ts';
import { HpackDecoder } from './hpack/decoder.ts';
import type { HeaderList } from './hpack/header-list.ts';
import type { Sender } from './sender.ts';
import type { LocalSettings } from './settings.ts';
import { NO_CONTENT_ALLOWED, type Stream, type StreamOwner } from './stream.ts';
import { Past, type StreamRegistry } from './stream-registry.ts';
import { nextStreamState, StreamInput, StreamState, StreamViolation } from './stream-state.ts';

/** Receives a request on a new stream, and must set the stream's owner during the call. */
export type RequestHandler = Pick<ConnectionHandler, 'onRequest'>;

/** Responses without content. A content-length in them describes another response (RFC 9110 section 8.6). */
const NO_CONTENT = new Set(['204', '304']);
/** How many times the announced list size a compressed block may have before it counts as a flood. */
const BLOCK_SIZE_FACTOR = 2;
/**
 * The limit for a response of an upstream. The connection carries the calls of many clients, and one response with too large a
 * header block must not end them all. Such a block is read to its end, so that the HPACK table stays in sync, and only its own
 * stream fails.
 */
const LARGEST_RESPONSE_BLOCK_BYTES = 1_048_576;
const MOST_RESPONSE_CONTINUATIONS = 128;

/** The owner of a request stream until the handler has set one. */
const NOBODY: StreamOwner = {
  onResponse() {},
  onData() {},
  onTrailers() {},
  onWritable() {},
  onReset() {},
  onRefused() {},
  onConnectionLost() {},
};

export class HeaderReceiver {
  readonly #isServer: boolean;
  readonly #handler: RequestHandler;
  readonly #settings: LocalSettings;
  readonly #streams: StreamRegistry;
  readonly #sender: Sender;
  readonly #guard: FloodGuard;
  readonly #decoder: HpackDecoder;
  readonly #block: HeaderBlock;
  #openSinceMs = 0;

  constructor(
    isServer: boolean,
    handler: RequestHandler,
    settings: LocalSettings,
    streams: StreamRegistry,
    sender: Sender,
    guard: FloodGuard,
  ) {
    this.#isServer = isServer;
    this.#handler = handler;
    this.#settings = settings;
    this.#streams = streams;
    this.#sender = sender;
    this.#guard = guard;
    this.#block = isServer ? requestBlock(settings) : responseBlock(settings);
    this.#decoder = new HpackDecoder({
      maxTableSizeBytes: 4096,
      maxListSizeBytes: settings.maxHeaderListBytes,
      maxFields: settings.maxHeaderFields,
    });
  }

  /** The stream whose header block has begun and not ended, or 0. Only CONTINUATION of this stream may follow (section 6.10). */
  get openStreamId(): number {
    return this.#block.streamId;
  }

  get openSinceMs(): number | undefined {
    return this.#block.isOpen ? this.#openSinceMs : undefined;
  }

  forgetHeaderBlocks(): void {
    this.#decoder.forget();
  }

  receiveHeaders(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId === 0) throw connectionError('headers_on_connection', 'HEADERS on stream 0');
    let from = start;
    let to = end;
    if ((flags & Flag.PADDED) !== 0) {
      from++;
      if (from <= end) to = end - bytes[start];
    }
    if ((flags & Flag.PRIORITY) !== 0) from += 5;
    if (from > end) {
      throw new ConnectionError(
        ErrorCode.FRAME_SIZE_ERROR,
        'headers_frame_size',
        `HEADERS of ${end - start} bytes, too short for its flags`,
      );
    }
    if (from > to) throw connectionError('headers_padding_too_long', 'HEADERS with more padding than bytes');
    const endStream = (flags & Flag.END_STREAM) !== 0;
    if ((flags & Flag.END_HEADERS) === 0) {
      this.#openSinceMs = this.#guard.nowMs;
      this.#block.begin(streamId, endStream, bytes, from, to);
    } else this.#receiveBlock(streamId, endStream, bytes, from, to);
  }

  receiveContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const isLast = (flags & Flag.END_HEADERS) !== 0;
    this.#block.append(bytes, start, end, isLast);
    if (!isLast) return;
    const { streamId, endStream } = this.#block;
    const block = this.#block.finish();
    this.#receiveBlock(streamId, endStream, block, 0, block.length);
  }

  #receiveBlock(streamId: number, endStream: boolean, bytes: Buffer, start: number, end: number): void {
    // The block is decoded first: the decoder's table must follow the peer's, even for blocks of streams that are ignored.
    const list = this.#decoder.decode(bytes, start, end);
    const stream = this.#streams.get(streamId);
    if (stream !== undefined && stream.state !== StreamState.IDLE) {
      if (nextStreamState(stream.state, StreamInput.RECEIVE_HEADERS) === StreamViolation.STREAM_CLOSED) {
        throw new StreamError(
          streamId,
          ErrorCode.STREAM_CLOSED,
          'headers_after_end',
          'HEADERS after END_STREAM',
        );
      }
      if (stream.headersReceived) this.#receiveTrailers(stream, list, endStream);
      else this.#receiveResponse(stream, list, endStream);
    } else if (this.#isServer && this.#streams.isPeerId(streamId) && streamId > this.#streams.lastPeerId) {
      this.#receiveRequest(streamId, list, endStream);
    } else {
      this.#checkPastHeaders(streamId);
    }
  }

  #checkPastHeaders(streamId: number): void {
    const past = this.#streams.past(streamId);
    if (past === Past.RESET_BY_US || streamId > this.#streams.ownGoAwayLastId) {
      if (!this.#streams.spendLateFrame()) this.#guard.count(Flood.LATE_FRAMES);
      return;
    }
    // A late header block for a stream that we opened costs only that stream (section 5.1), since an upstream's connection
    // carries the calls of many clients.
    if (past !== Past.IDLE && !this.#streams.isPeerId(streamId)) return;
    if (past === Past.CLOSED) {
      throw new ConnectionError(
        ErrorCode.STREAM_CLOSED,
        'headers_after_close',
        `HEADERS on the closed stream ${streamId}`,
      );
    }
    throw connectionError('stream_id_invalid', `HEADERS on stream ${streamId}, which cannot be opened`);
  }

  #receiveRequest(streamId: number, list: HeaderList, endStream: boolean): void {
    if (streamId > this.#streams.ownGoAwayLastId) {
      this.#streams.lastPeerId = streamId;
      this.#streams.expectLate(this.#settings.initialWindowBytes);
      return;
    }
    if (this.#streams.size >= this.#settings.maxConcurrentStreams) {
      this.#streams.lastPeerId = streamId;
      this.#streams.remember(streamId, true, this.#settings.initialWindowBytes);
      this.#guard.count(Flood.REFUSED_STREAMS);
      this.#sender.writer.writeResetStream(streamId, ErrorCode.REFUSED_STREAM);
      return;
    }
    const sendWindow = this.#sender.peerSettings.initialWindowBytes;
    const stream = this.#streams.addPeer(
      streamId,
      NOBODY,
      this.#sender,
      sendWindow,
      this.#settings.initialWindowBytes,
    );
    stream.openedAtMs = this.#guard.nowMs;
    this.#guard.streamOpened();
    stream.headersReceived = true;
    stream.state = StreamState.OPEN;
    if (list.overflowedAt === undefined) checkRequest(list, streamId, this.#settings.enableConnectProtocol);
    this.#expectContent(stream, list, endStream);
    if (endStream) this.#streams.endPeerSide(stream);
    this.#handler.onRequest(stream, list, endStream);
  }

  #receiveResponse(stream: Stream, list: HeaderList, endStream: boolean): void {
    if (list.overflowedAt !== undefined) {
      throw new StreamError(
        stream.id,
        ErrorCode.ENHANCE_YOUR_CALM,
        'response_headers_too_large',
        `response header fields are too large, from ${list.overflowedAt} on`,
      );
    }
    checkResponse(list, stream.id);
    const status = list.valueAt(0);
    const isInterim = status.charCodeAt(0) === DIGIT_ONE;
    if (isInterim) {
      if (endStream)
        throw streamError(stream.id, 'interim_response_ends', 'an interim response with END_STREAM');
      if (++stream.interimResponses > this.#settings.floods.interimResponses) {
        throw new StreamError(
          stream.id,
          ErrorCode.ENHANCE_YOUR_CALM,
          'too_many_interim_responses',
          'too many interim responses, more than limits.floods.interimResponses allows',
        );
      }
    } else {
      stream.headersReceived = true;
      if (stream.isHead || NO_CONTENT.has(status)) stream.contentLeft = NO_CONTENT_ALLOWED;
      else this.#expectContent(stream, list, endStream);
    }
    if (endStream) this.#streams.endPeerSide(stream);
    stream.owner.onResponse(list, endStream);
  }

  #receiveTrailers(stream: Stream, list: HeaderList, endStream: boolean): void {
    if (!endStream)
      throw streamError(stream.id, 'trailers_without_end', 'a trailer section without END_STREAM');
    if (list.overflowedAt !== undefined) {
      throw new StreamError(
        stream.id,
        ErrorCode.ENHANCE_YOUR_CALM,
        'trailers_too_large',
        `trailer fields are too large, from ${list.overflowedAt} on`,
      );
    }
    checkTrailers(list, stream.id);
    if (stream.contentLeft > 0)
      throw streamError(stream.id, 'content_length_mismatch', 'DATA does not add up to content-length');
    this.#streams.endPeerSide(stream);
    stream.owner.onTrailers(list);
  }

  #expectContent(stream: Stream, list: HeaderList, endStream: boolean): void {
    stream.contentLeft = list.contentLength;
    if (endStream && stream.contentLeft > 0) {
      throw streamError(stream.id, 'content_length_mismatch', 'content-length without content');
    }
  }
}

function requestBlock({ maxHeaderListBytes, floods }: LocalSettings): HeaderBlock {
  const largestBytes = maxHeaderListBytes * BLOCK_SIZE_FACTOR;
  const needed = Math.ceil(largestBytes / DEFAULT_MAX_FRAME_BYTES);
  return new HeaderBlock(largestBytes, Math.max(needed, floods.continuations));
}

function responseBlock({ floods }: LocalSettings): HeaderBlock {
  return new HeaderBlock(
    LARGEST_RESPONSE_BLOCK_BYTES,
    Math.max(MOST_RESPONSE_CONTINUATIONS, floods.continuations),
  );
}

const DIGIT_ONE = 0x31;

function connectionError(token: string, message: string): ConnectionError {
  return new ConnectionError(ErrorCode.PROTOCOL_ERROR, token, message);
}

function streamError(streamId: number, token: string, message: string): StreamError {
  return new StreamError(streamId, ErrorCode.PROTOCOL_ERROR, token, message);
}
