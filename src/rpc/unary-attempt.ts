// One try of a question at one endpoint: its stream on a connection that it shares with the calls of clients, from HEADERS to the status.

import type { AttemptOutcome } from '../calls/endpoint-counts.ts';
import type { Failure } from '../calls/failure.ts';
import { type AttemptEnd, REFUSED, UNPROCESSED } from '../calls/retry-policy.ts';
import { isGrpcContentType } from '../grpc/content-type.ts';
import { MessageReader } from '../grpc/message-reader.ts';
import { grpcStatusName } from '../grpc/status.ts';
import { ErrorCode, errorCodeName } from '../h2/error-codes.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { Stream } from '../h2/stream.ts';
import { turnNowMs } from '../transport/turn-clock.ts';
import type { Holding } from '../upstreams/holding.ts';
import type { Http2Endpoint } from '../upstreams/http2/http2-endpoint.ts';
import type { UpstreamCall } from '../upstreams/http2/upstream-call.ts';
import type { UpstreamConnection } from '../upstreams/http2/upstream-connection.ts';
import { shownMessage } from '../upstreams/outliers/shown-message.ts';

const LONGEST_WORD = 64;

export interface UnaryAttemptEvents {
  /** The status OK has come after one message. @param message valid only during the call */
  answered(message: Buffer): void;
  /** @param predicate of the endpoint, such as 'answered with UNAVAILABLE' @param grpcStatus that name alone, if it has answered with one */
  failed(predicate: string, grpcStatus?: string): void;
  /** No service has processed the request. @param end how it came back: REFUSED or UNPROCESSED */
  unprocessed(end: AttemptEnd, predicate: string): void;
  /** One of these has thrown. Must not throw. */
  fault(error: unknown): void;
}

export interface UnaryAttemptParts {
  readonly endpoint: Http2Endpoint;
  readonly connection: UpstreamConnection;
  readonly holding: Holding;
  /** The path of the question. */
  readonly method: string;
  readonly mostAnswerBytes: number;
  readonly events: UnaryAttemptEvents;
}

export class UnaryAttempt implements UpstreamCall {
  readonly stream: Stream;
  readonly method: string;
  readonly sentAtMs = Math.floor(turnNowMs());
  readonly isWaitingForClient = false;
  /** The client pays with its places, and not for what the service finds wrong with the request. */
  readonly isQuestion = true;
  holding: Holding;
  movedBytes = 0;
  readonly #endpoint: Http2Endpoint;
  readonly #connection: UpstreamConnection;
  readonly #events: UnaryAttemptEvents;
  readonly #reader: MessageReader;
  /** What the stream has had no room for yet. */
  #unsent: Buffer | undefined = undefined;
  #message: Buffer | undefined = undefined;
  #isOver = false;

  constructor({ endpoint, connection, holding, method, mostAnswerBytes, events }: UnaryAttemptParts) {
    this.#endpoint = endpoint;
    this.#connection = connection;
    this.#events = events;
    this.#reader = new MessageReader(mostAnswerBytes);
    this.method = method;
    this.holding = holding;
    holding.take();
    this.stream = connection.openStream(this);
  }

  /** @param body with the prefix of gRPC */
  begin(head: HeaderList, body: Buffer): void {
    // The connection broke after it was picked.
    if (!this.stream.sendHeaders(head, false)) this.onRefused();
    else this.#send(body);
  }

  #send(body: Buffer): void {
    const taken = this.stream.sendData(body, 0, body.length, true);
    this.movedBytes += taken;
    this.#unsent = taken < body.length ? body.subarray(taken) : undefined;
  }

  /** The answer is not needed any more. @param isLate the endpoint has taken too long, for which the client does not pay */
  cancel(isLate: boolean): void {
    this.#end(ErrorCode.CANCEL, isLate ? 'timed_out' : 'given_up');
  }

  giveWay({ message }: Failure): void {
    this.#end(ErrorCode.CANCEL, 'given_up');
    this.#contain(() => this.#events.failed(`had to give its place to another: ${message}`));
  }

  #end(code: number, outcome: AttemptOutcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#unsent = undefined;
    this.#endpoint.counts.attemptEnded(outcome);
    this.#connection.endStream(this.stream, code, this.holding, outcome === 'timed_out');
  }

  /** The endpoint has sent no valid response. */
  #fail(predicate: string, how: string): void {
    if (this.#isOver) return;
    this.#end(ErrorCode.CANCEL, 'failed');
    this.#contain(() => {
      this.#endpoint.outcomes?.failed(how, this.holding);
      this.#events.failed(predicate);
    });
  }

  /** The connection carries the calls of many clients, and ends if one of these events throws. */
  #contain(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#events.fault(error);
    }
  }

  onResponse(list: HeaderList, endStream: boolean): void {
    this.#connection.noteResponse(this.stream);
    if (this.#isOver) return;
    const httpStatus = Number(list.get(':status') ?? 0);
    if (httpStatus < 200) return;
    this.#endpoint.counts.responseBegan(Math.floor(turnNowMs()) - this.sentAtMs);
    const contentType = list.get('content-type');
    if (list.get('grpc-status') !== undefined) {
      if (endStream) this.#judge(list);
      else this.#fail('sent a grpc-status before the end of its response', 'an invalid response');
    } else if (httpStatus !== 200 || !isGrpcContentType(contentType)) {
      const type = contentType === undefined ? 'no content-type' : `content-type ${plain(contentType)}`;
      this.#fail(
        `answered with HTTP ${httpStatus} and ${type} instead of gRPC`,
        'a response that is no gRPC',
      );
    } else if (endStream) this.#fail('ended its response without a grpc-status', 'no grpc-status');
  }

  onData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.#isOver) return;
    this.stream.credit(end - start);
    this.movedBytes += end - start;
    const fault = this.#reader.read(bytes.subarray(start, end), (message) => this.#received(message));
    if (fault !== undefined) this.#fail(`sent ${fault}`, 'an invalid response');
    else if (endStream) this.#fail('ended its response without a grpc-status', 'no grpc-status');
  }

  #received(message: Buffer): string | undefined {
    if (this.#message !== undefined) return 'a second message';
    this.#message = Buffer.from(message);
    return undefined;
  }

  onTrailers(list: HeaderList): void {
    if (this.#isOver) return;
    if (list.get('grpc-status') === undefined)
      this.#fail('ended its response without a grpc-status', 'no grpc-status');
    else this.#judge(list);
  }

  #judge(list: HeaderList): void {
    const status = plain(grpcStatusName(list.get('grpc-status') ?? ''));
    const message = this.#message;
    if (status === 'OK' && message === undefined) {
      this.#fail('answered with OK and without a message', 'no message');
      return;
    }
    this.#end(ErrorCode.NO_ERROR, 'answered');
    this.#contain(() => {
      this.#endpoint.outcomes?.answered(status, this.holding, list);
      if (status === 'OK' && message !== undefined) this.#events.answered(message);
      else this.#events.failed(`answered with ${status}${toldIn(list)}`, status);
    });
  }

  onWritable(): void {
    if (!this.#isOver && this.#unsent !== undefined) this.#send(this.#unsent);
  }

  onReset(code: number, violation: string | undefined): void {
    if (this.#isOver) return;
    this.#connection.noteReset(code, violation);
    if (code === ErrorCode.REFUSED_STREAM) this.#refuse(REFUSED, 'refused the stream');
    else if (violation === undefined) this.#fail(`reset the stream (${errorCodeName(code)})`, 'a reset');
    else this.#fail(`broke a rule of HTTP/2 (${violation})`, 'an invalid response');
  }

  onRefused(): void {
    // After an error, some endpoints still process requests that they read before their GOAWAY was sent.
    if (this.#connection.hasGoneWrong) this.onConnectionLost('the endpoint gave the connection up');
    else this.#refuse(UNPROCESSED, 'is going away');
  }

  #refuse(end: AttemptEnd, predicate: string): void {
    if (this.#isOver) return;
    this.#end(ErrorCode.CANCEL, 'failed');
    this.#contain(() => this.#events.unprocessed(end, predicate));
  }

  onConnectionLost(reason: string): void {
    this.#fail(`broke the connection off: ${reason}`, 'a lost connection');
  }
}

function toldIn(list: HeaderList): string {
  const message = list.get('grpc-message');
  const shown = message === undefined ? '' : shownMessage(message);
  return shown === '' ? '' : `: ${shown}`;
}

function plain(text: string): string {
  return text.slice(0, LONGEST_WORD).replaceAll(/[^\x20-\x7e]/g, '?');
}
