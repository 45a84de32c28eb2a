// Stands between the stream of a gRPC-Web client and its exchange, and translates. To the exchange, the client seems to speak native
// gRPC. While the client has no room, at most one piece of the response and the trailers are held here.

import type { CallStream } from '../../calls/call-stream.ts';
import type { ClientCall, ResponseProgress, Translator } from '../../calls/client-call.ts';
import type { Failure } from '../../calls/failure.ts';
import { trailersOnly } from '../../grpc/error-trailers.ts';
import { encodeBase64 } from '../../grpc/grpc-web-base64.ts';
import { trailerFrame } from '../../grpc/grpc-web-trailers.ts';
import { MessageCounter } from '../../grpc/message-counter.ts';
import { grpcStatusOfReset } from '../../grpc/reset-mapping.ts';
import { GrpcStatus } from '../../grpc/status.ts';
import { ErrorCode, errorCodeName } from '../../h2/error-codes.ts';
import { HeaderList } from '../../h2/hpack/header-list.ts';
import type { StreamRoom } from '../../h2/stream-room.ts';
import { TextRequestBody } from './text-request-body.ts';

/** Bytes that are encoded at a time: a multiple of three, so that only the last piece of one sendData() is padded. 16 KiB when encoded. */
const TEXT_PIECE_BYTES = 12_288;

export const TEXT_MALFORMED: Failure = {
  token: 'grpc_web_text_malformed',
  source: 'client',
  isRetryable: false,
  grpcStatus: GrpcStatus.INTERNAL,
  httpStatus: 400,
  message:
    'The body of this application/grpc-web-text request is not base64, or ends in the middle of it; send it as base64 with padding, or as application/grpc-web.',
};

const GO_ON = HeaderList.of([':status', '100']);

/** What the header fields of a call determine about its translation. */
export interface GrpcWebForm {
  readonly isTextRequest: boolean;
  readonly isTextResponse: boolean;
  /** Whether the client waits for 100 Continue before it sends its body (RFC 9110 section 10.1.1). */
  readonly isAwaitingContinue: boolean;
  /** Translates the head of a response, or a whole Trailers-Only response. */
  webResponse(native: HeaderList): HeaderList;
}

export class GrpcWebStream implements Translator {
  readonly #stream: CallStream;
  readonly #form: GrpcWebForm;
  readonly #onDone: () => void;
  #exchange: ClientCall | undefined = undefined;
  readonly #textRequest: TextRequestBody | undefined;
  #isRequestRefused = false;
  /** Counts the messages of the response as the service sent it, to know whether it ends inside of one. */
  readonly #counter = new MessageCounter();
  #hasHead = false;
  /** Translated data that the client's stream has not taken yet. */
  #held: Buffer | undefined = undefined;
  /** Whether END_STREAM follows the held data. */
  #heldEnds = false;
  /** Whether the client's stream is reset with NO_ERROR after the held data. */
  #resetsAfterwards = false;
  #isExchangeFinished = false;
  #isDone = false;

  #isResetExplained = false;

  constructor(stream: CallStream, form: GrpcWebForm, onDone: () => void) {
    this.#stream = stream;
    this.#form = form;
    this.#onDone = onDone;
    this.#textRequest = form.isTextRequest ? new TextRequestBody() : undefined;
  }

  /** The exchange does not know that a reset became a response. */
  get sentStatus(): number | undefined {
    return this.#isResetExplained ? 200 : this.#stream.sentStatus;
  }

  get translated(): ClientCall | undefined {
    return this.#exchange;
  }

  peerDeadlineMs(): number | undefined {
    return this.#exchange?.peerDeadlineMs?.();
  }

  serve(exchange: ClientCall): void {
    this.#exchange = exchange;
  }

  start(endStream: boolean): void {
    // gRPC services do not answer expectations, so the proxy tells the client to send its body.
    if (this.#form.isAwaitingContinue && !endStream) this.#stream.sendHeaders(GO_ON, false);
    this.#exchange?.start(endStream);
  }

  // The request, from the client's stream to the exchange.

  onData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    // Nothing takes these bytes any more, so they are not credited.
    if (this.#isExchangeFinished || this.#isRequestRefused) return;
    const body = this.#textRequest;
    if (body === undefined) {
      this.#exchange?.onData(bytes, start, end, endStream);
      return;
    }
    const decoded = body.decode(bytes, start, end);
    if (decoded === undefined || (endStream && !body.isComplete)) {
      this.#refuseRequest();
      return;
    }
    if (decoded.length > 0 || endStream) this.#exchange?.onData(decoded, 0, decoded.length, endStream);
    else this.credit(0);
  }

  onTrailers(list: HeaderList): void {
    if (this.#textRequest?.isComplete === false) this.#refuseRequest();
    else this.#exchange?.onTrailers(list);
  }

  #refuseRequest(): void {
    this.#isRequestRefused = true;
    this.#exchange?.abort(TEXT_MALFORMED);
  }

  credit(size: number): void {
    const credited = this.#textRequest === undefined ? size : this.#textRequest.creditFor(size);
    if (credited > 0) this.#stream.credit(credited);
  }

  // The response, from the exchange to the client's stream.

  /** The first call is for the head or a whole Trailers-Only response, the second for the trailers. Interim responses can precede both. */
  sendHeaders(list: HeaderList, endStream: boolean): boolean {
    if (list.get(':status')?.startsWith('1') === true) return this.#stream.sendHeaders(list, false);
    if (!this.#hasHead) {
      this.#hasHead = true;
      return this.#stream.sendHeaders(this.#form.webResponse(list), endStream);
    }
    if (this.#counter.isInsideMessage) {
      // The response ends inside a message. The client would read a trailer frame as a part of that message.
      this.#held = undefined;
      return this.#stream.reset(ErrorCode.INTERNAL_ERROR);
    }
    const frame = trailerFrame(list.names, list.values);
    const encoded = this.#form.isTextResponse ? encodeBase64(frame, 0, frame.length) : frame;
    this.#send(this.#held === undefined ? encoded : Buffer.concat([this.#held, encoded]), true);
    return true;
  }

  sendData(bytes: Buffer, start: number, end: number, endStream: boolean): number {
    const taken = this.#form.isTextResponse
      ? this.#sendText(bytes, start, end, endStream)
      : this.#stream.sendData(bytes, start, end, endStream);
    this.#counter.consume(bytes, start, start + taken);
    return taken;
  }

  #sendText(bytes: Buffer, start: number, end: number, endStream: boolean): number {
    if (this.#held !== undefined) return 0;
    let at = start;
    do {
      const pieceEnd = Math.min(end, at + TEXT_PIECE_BYTES);
      this.#send(encodeBase64(bytes, at, pieceEnd), endStream && pieceEnd === end);
      at = pieceEnd;
    } while (at < end && this.#held === undefined);
    return at - start;
  }

  /** Sends translated data. What the stream does not take is held until onWritable(). */
  #send(bytes: Buffer, endStream: boolean): void {
    const taken = this.#stream.sendData(bytes, 0, bytes.length, endStream);
    this.#held = taken < bytes.length ? bytes.subarray(taken) : undefined;
    this.#heldEnds = endStream;
  }

  onWritable(): void {
    if (this.#held !== undefined) {
      this.#send(this.#held, this.#heldEnds);
      if (this.#held !== undefined) return;
      if (this.#resetsAfterwards) this.#stream.reset(ErrorCode.NO_ERROR);
    }
    if (this.#isExchangeFinished) this.#finish();
    else this.#exchange?.onWritable();
  }

  /** NO_ERROR says that the response is complete, so held data is sent first. Any other code drops it. */
  reset(code: number): boolean {
    if (code === ErrorCode.NO_ERROR) {
      if (this.#held === undefined) return this.#stream.reset(code);
      this.#resetsAfterwards = true;
      return true;
    }
    this.#held = undefined;
    return this.#hasHead ? this.#stream.reset(code) : this.#explainReset(code);
  }

  /** A page cannot see HTTP/2 error codes. If no response has begun, it gets a gRPC status that corresponds to the code instead. */
  #explainReset(code: number): boolean {
    this.#isResetExplained = true;
    const message = `The service reset the call (${errorCodeName(code)}).`;
    this.sendHeaders(HeaderList.of(...trailersOnly(grpcStatusOfReset(code), message)), true);
    return this.#stream.reset(ErrorCode.NO_ERROR);
  }

  // How it ends.

  /** The pending bytes include the data that is held here. */
  get response(): ResponseProgress {
    const { bytes = 0, pendingBytes = 0, owedBytes = 0 } = this.#exchange?.response ?? {};
    const heldBytes = this.#held?.length ?? 0;
    return { bytes, pendingBytes: pendingBytes + heldBytes, owedBytes: owedBytes + heldBytes };
  }

  get roomBytes(): number {
    if (this.#held !== undefined) return 0;
    const { roomBytes } = this.#stream;
    // A piece of base64 is taken in any case, and held as far as there is no room for it.
    return this.#form.isTextResponse ? Math.max(TEXT_PIECE_BYTES, roomBytes) : roomBytes;
  }

  get room(): StreamRoom {
    return { ...this.#stream.room, heldBytes: this.#held?.length ?? 0 };
  }

  /** Ends at once, even if the client has no room for the status. */
  abort(cause: Failure): void {
    this.#exchange?.abort(cause);
    if (this.#held === undefined) return;
    this.#held = undefined;
    this.#stream.reset(ErrorCode.INTERNAL_ERROR);
    this.#finish();
  }

  onReset(code: number, violation: string | undefined): void {
    this.#held = undefined;
    if (this.#isExchangeFinished) this.#finish();
    else this.#exchange?.onReset(code, violation);
  }

  onConnectionLost(reason: string): void {
    this.#held = undefined;
    if (this.#isExchangeFinished) this.#finish();
    else this.#exchange?.onConnectionLost(reason);
  }

  /** Reports the end only when the held data is sent: the connection must not be closed before. */
  exchangeFinished(): void {
    this.#isExchangeFinished = true;
    if (this.#held === undefined) this.#finish();
  }

  #finish(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#onDone();
  }

  // Towards a client we are the server: nothing of this comes from there.
  onResponse(): void {}
  onRefused(): void {}
}
