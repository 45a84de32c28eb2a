// Who is told what becomes of one try of a call at a service: its exchange.

import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { ExchangeTraffic } from './exchange-record.ts';
import type { Failure } from './failure.ts';

/** Told what comes back. */
export interface AttemptListener {
  /** So far. */
  readonly traffic: ExchangeTraffic;
  receiveResponse(list: HeaderList, endStream: boolean): void;
  receiveResponseData(bytes: Buffer, start: number, end: number, endStream: boolean): void;
  receiveResponseTrailers(list: HeaderList): void;
  requestWritable(): void;
  /** The upstream reset the stream, or broke the rule named in `violation`. */
  attemptReset(code: number, violation: string | undefined): void;
  /** The upstream says that it never looked at the request. */
  attemptRefused(): void;
  attemptLost(reason: string): void;
  /** No connection to the endpoint could be made: another one may be tried. */
  attemptUnreachable(cause: Failure): void;
  /** The endpoint closed an old connection in place of a response; the request may be sent again. */
  attemptUnanswered(cause: Failure): void;
  /** It ends with a status of ours: in place of the response, or, where that has begun, as a response that is not whole. */
  fail(cause: Failure): void;
  /** The same now: what the client has not taken is lost. */
  abort(cause: Failure): void;
  /** One of these has thrown. May not throw. */
  fault(error: unknown): void;
  /** The last resort, where it cannot even be ended by a status. May not throw. */
  breakOff(): void;
}
