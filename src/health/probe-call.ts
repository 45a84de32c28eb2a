// One request of a probe on its HTTP/2 connection: a call of grpc.health.v1, or a GET. Tells how it ended, once.

import { grpcStatusName } from '../grpc/status.ts';
import { ErrorCode, errorCodeName } from '../h2/error-codes.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { Stream, StreamOwner } from '../h2/stream.ts';
import { plain } from './predicate.ts';
import type { ProbeConnection } from './probe-connection.ts';

/** How a call ended. A fault is a predicate of the endpoint: 'reset the request (INTERNAL_ERROR)'. */
export type CallEnd =
  | { readonly kind: 'status'; readonly grpcStatus: string; readonly message: string }
  /** A response without grpc-status, complete or not. */
  | { readonly kind: 'http'; readonly httpStatus: number }
  | { readonly kind: 'fault'; readonly fault: string };

export interface ProbeCallEvents {
  /** A piece of the body, valid only during the call. @returns what is wrong with it, which ends the call */
  onBytes(bytes: Buffer): string | undefined;
  onEnd(end: CallEnd): void;
}

export class ProbeCall implements StreamOwner {
  readonly #events: ProbeCallEvents;
  #stream: Stream | undefined = undefined;
  #httpStatus = 0;
  #isOver = false;

  constructor(events: ProbeCallEvents) {
    this.#events = events;
  }

  /** @param body undefined for a request without one */
  begin(connection: ProbeConnection, head: HeaderList, body: Buffer | undefined): void {
    if (!connection.hasRoom) {
      this.#end({ kind: 'fault', fault: 'allows no stream on the connection' });
      return;
    }
    const stream = connection.openStream(this);
    this.#stream = stream;
    const isSent =
      stream.sendHeaders(head, body === undefined) &&
      (body === undefined || stream.sendData(body, 0, body.length, true) === body.length);
    if (!isSent) this.#finish({ kind: 'fault', fault: 'did not take the request' }, ErrorCode.CANCEL);
  }

  /** Ends the call without a word. May be called at any time. */
  cancel(): void {
    this.#isOver = true;
    this.#stream?.reset(ErrorCode.CANCEL);
  }

  onResponse(list: HeaderList, endStream: boolean): void {
    const httpStatus = Number(list.get(':status') ?? 0);
    if (httpStatus < 200) return;
    this.#httpStatus = httpStatus;
    const grpcStatus = list.get('grpc-status');
    if (grpcStatus !== undefined) this.#endByStatus(grpcStatus, list);
    else if (endStream || httpStatus !== 200)
      this.#finish({ kind: 'http', httpStatus }, endStream ? undefined : ErrorCode.CANCEL);
  }

  onData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.#isOver) return;
    this.#stream?.credit(end - start);
    const fault = end > start ? this.#events.onBytes(bytes.subarray(start, end)) : undefined;
    if (fault !== undefined) this.#finish({ kind: 'fault', fault: `sent ${fault}` }, ErrorCode.CANCEL);
    else if (endStream) this.#finish({ kind: 'http', httpStatus: this.#httpStatus });
  }

  onTrailers(list: HeaderList): void {
    const grpcStatus = list.get('grpc-status');
    if (grpcStatus === undefined) this.#finish({ kind: 'http', httpStatus: this.#httpStatus });
    else this.#endByStatus(grpcStatus, list);
  }

  #endByStatus(grpcStatus: string, list: HeaderList): void {
    const message = plain(list.get('grpc-message') ?? '');
    this.#finish({ kind: 'status', grpcStatus: plain(grpcStatusName(grpcStatus)), message });
  }

  onWritable(): void {}

  onReset(code: number, violation: string | undefined): void {
    const fault =
      violation === undefined ? `reset the request (${errorCodeName(code)})` : `broke a rule: ${violation}`;
    this.#end({ kind: 'fault', fault });
  }

  onRefused(): void {
    this.#end({ kind: 'fault', fault: 'is going away and did not process the request' });
  }

  onConnectionLost(reason: string): void {
    this.#end({ kind: 'fault', fault: `broke the connection off: ${reason}` });
  }

  /** @param code for a stream that is not over on the side of the endpoint */
  #finish(end: CallEnd, code?: number): void {
    if (code !== undefined) this.#stream?.reset(code);
    this.#end(end);
  }

  #end(end: CallEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.onEnd(end);
  }
}
