// The receiver of an HTTP/1.1 service's response, piece by piece.

import type { Failure } from '../../calls/failure.ts';
import type { IncomingFields } from './response-fields.ts';

export interface ReceivedHead extends IncomingFields {
  readonly httpStatus: number;
  readonly reasonPhrase: string;
}

/** An error thrown by one of these methods is a fault of ours, and ends the request. */
export interface ResponseReceiver {
  /**
   * An interim response (RFC 9110 section 15.2): 1xx, never 101, never after the head.
   * @param fields names and values alternating
   */
  receiveInterim(httpStatus: number, fields: readonly string[]): void;
  receiveHead(head: ReceivedHead): void;
  /** The bytes are valid during the call. @returns whether there is room for more; if not, the receiver calls `resume` later */
  receiveData(bytes: Buffer, start: number, end: number): boolean;
  receiveEnd(trailers: readonly string[]): void;
  /** The WebSocket is open: its bytes come by receiveData, and its end by receiveEnd. @param rawFields of the head with status 101 */
  receiveUpgrade(rawFields: readonly string[]): void;
  /** The connection of the WebSocket broke. */
  receiveTunnelLost(): void;
  /** There was no connection, so the service has not seen the request. */
  receiveUnreachable(failure: Failure): void;
  /** The service closed a reused connection instead of responding, and the request may be sent again. */
  receiveUnanswered(failure: Failure): void;
  /** Before the head: there is no response. After the head: the response broke off. */
  receiveFailure(failure: Failure): void;
  /**
   * Called once, in the turn of the event loop after the end: the attempt's place at its endpoint can be reused. A connection that was closed
   * may still be closing then.
   */
  released(): void;
  /** The last resort when even receiveFailure threw: no client may be left waiting. */
  breakOff(): void;
}
