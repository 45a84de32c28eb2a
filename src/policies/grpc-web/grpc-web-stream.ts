// Stands between the stream of a gRPC-Web client and its exchange, and translates: the exchange sees a client of native
// gRPC. Holds one piece of the response at most, and its trailers, where the client has no room for them yet.

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
import { TextRequestBody } from './text-request-body.ts';

/** Octets encoded at a time: a multiple of three, so that only the last piece is padded, and 16 KiB when encoded. */
const TEXT_PIECE_OCTETS = 12_288;

const TEXT_MALFORMED: Failure = {
  token: 'grpc_web_text_malformed',
  grpcStatus: GrpcStatus.INTERNAL,
  httpStatus: 400,
  message:
    'The body of this application/grpc-web-text request is not base64, or ends in the middle of it; send it as base64 with padding, or as application/grpc-web.',
};

const GO_ON = HeaderList.of([':status', '100']);

/** What a call's header fields have decided. */
export interface GrpcWebForm {
  readonly isTextRequest: boolean;
  readonly isTextResponse: boolean;
  /** The client holds its body back until it is told to go on (RFC 9110 section 10.1.1). */
  readonly isAwaitingContinue: boolean;
  /** The head of a response, or a whole Trailers-Only response, as the client is sent it. */
  webResponse(native: HeaderList): HeaderList;
}

export class GrpcWebStream implements Translator {
  readonly #stream: CallStream;
  readonly #form: GrpcWebForm;
  readonly #onDone: () => void;
  #exchange: ClientCall | undefined = undefined;
  readonly #textRequest: TextRequestBody | undefined;
  #isRequestRefused = false;
  /** Of the response as the service sent it. */
  readonly #counter = new MessageCounter();
  #hasHead = false;
  /** Translated, and not yet taken by the client's stream; whether END_STREAM follows, and then a reset. */
  #held: Buffer | undefined = undefined;
  #heldEnds = false;
  #resetsAfterwards = false;
  #isExchangeFinished = false;
  #isDone = false;

  constructor(stream: CallStream, form: GrpcWebForm, onDone: () => void) {
    this.#stream = stream;
    this.#form = form;
    this.#onDone = onDone;
    this.#textRequest = form.isTextRequest ? new TextRequestBody() : undefined;
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
    // No gRPC service is asked whether the body may come: it is read as it comes, whatever becomes of the call.
    if (this.#form.isAwaitingContinue && !endStream) this.#stream.sendHeaders(GO_ON, false);
    this.#exchange?.start(endStream);
  }

  // The request, from the client's stream to the exchange.

  onData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    // Nobody takes it any more, and nobody gives credit for it.
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

  /** First the head, or a whole Trailers-Only response; then the trailers. Interim responses come before them. */
  sendHeaders(list: HeaderList, endStream: boolean): boolean {
    if (list.get(':status')?.startsWith('1') === true) return this.#stream.sendHeaders(list, false);
    if (!this.#hasHead) {
      this.#hasHead = true;
      return this.#stream.sendHeaders(this.#form.webResponse(list), endStream);
    }
    if (this.#counter.isInsideMessage) {
      // A frame now would be read as part of the message that was cut off.
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
      const pieceEnd = Math.min(end, at + TEXT_PIECE_OCTETS);
      this.#send(encodeBase64(bytes, at, pieceEnd), endStream && pieceEnd === end);
      at = pieceEnd;
    } while (at < end && this.#held === undefined);
    return at - start;
  }

  /** What does not fit is kept: the stream is then waiting, and onWritable goes on with it. */
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

  /** NO_ERROR says that the response is complete: what is held of it comes first. */
  reset(code: number): boolean {
    if (code === ErrorCode.NO_ERROR) {
      if (this.#held === undefined) return this.#stream.reset(code);
      this.#resetsAfterwards = true;
      return true;
    }
    this.#held = undefined;
    return this.#hasHead ? this.#stream.reset(code) : this.#explainReset(code);
  }

  /** A page sees nothing of the codes of HTTP/2: as long as there is no response, one can say the same. */
  #explainReset(code: number): boolean {
    const message = `The service reset the call (${errorCodeName(code)}).`;
    this.sendHeaders(HeaderList.of(...trailersOnly(grpcStatusOfReset(code), message)), true);
    return this.#stream.reset(ErrorCode.NO_ERROR);
  }

  // How it ends.

  /** What waits for the client, here and before. */
  get response(): ResponseProgress {
    const { bytes = 0, pendingBytes = 0 } = this.#exchange?.response ?? {};
    return { bytes, pendingBytes: pendingBytes + (this.#held?.length ?? 0) };
  }

  /** Now: a client that has no room for its status is not waited for. */
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

  /** The connection must not be closed before the client has what is held. */
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
