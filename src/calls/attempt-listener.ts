// The events of one attempt of a call at an endpoint. The listener is the exchange of the call.

import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { CallTrace } from './call-trace.ts';
import type { ExchangeTraffic } from './exchange-record.ts';
import type { Failure } from './failure.ts';

export interface AttemptListener {
  /** What the exchange has carried so far. */
  readonly traffic: ExchangeTraffic;
  /** Undefined if the call is not traced. */
  readonly trace?: CallTrace | undefined;
  /** The path of the call. */
  readonly subject: { readonly method: string };
  /** The header section of an interim or final response. */
  receiveResponse(list: HeaderList, endStream: boolean): void;
  receiveResponseData(bytes: Buffer, start: number, end: number, endStream: boolean): void;
  receiveResponseTrailers(list: HeaderList): void;
  /** The attempt has room again for data of the request. */
  requestWritable(): void;
  /** The stream was reset: by the upstream, or by the proxy because the upstream broke the rule named in `violation`. */
  attemptReset(code: number, violation: string | undefined): void;
  /** The request was certainly not processed. */
  attemptRefused(): void;
  /** The connection was lost before the response was complete. @returns whether the request is sent again for that */
  attemptLost(cause: Failure): boolean;
  /** No connection to the endpoint could be made. Another endpoint may be tried. */
  attemptUnreachable(cause: Failure): void;
  /** The endpoint closed a reused connection instead of sending a response. The request may be sent again. */
  attemptUnanswered(cause: Failure): void;
  /** Ends the call with the status of `cause` instead of a response, or with an incomplete response if one has begun. */
  fail(cause: Failure): void;
  /** Like fail(), but at once: data that the client has not taken is dropped. */
  abort(cause: Failure): void;
  /** One of these methods has thrown. Must not throw. */
  fault(error: unknown): void;
  /** Breaks the call off if not even a status can be sent. Must not throw. */
  breakOff(): void;
}
