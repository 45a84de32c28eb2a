// Whoever gets the response of an HTTP/1.1 service, piece by piece.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Failure } from '../../calls/failure.ts';
import type { IncomingFields } from './response-fields.ts';

export interface ResponseHead extends IncomingFields {
  readonly httpStatus: number;
  readonly reasonPhrase: string;
}

/** What one of these throws is a fault of ours, and ends the request. */
export interface ResponseReceiver {
  /**
   * A response that is not the last one (RFC 9110 section 15.2): 1xx, never 101, never behind the head.
   * @param fields names and values by turns
   */
  receiveInterim(httpStatus: number, fields: readonly string[]): void;
  receiveHead(head: ResponseHead): void;
  /** @returns whether there is room for more; if not, `resume` asks for it */
  receiveData(chunk: Buffer): boolean;
  receiveEnd(trailers: readonly string[]): void;
  receiveUpgrade(response: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** There was no connection: nobody has seen the request. */
  receiveUnreachable(failure: Failure): void;
  /** The service closed an old connection in place of a response, and the request may be sent again. */
  receiveUnanswered(failure: Failure): void;
  /** Before the head: there is no response. After it: it broke off. */
  receiveFailure(failure: Failure): void;
  /** Once, some turns after the end: what the request had of its endpoint can be used by another. */
  released(): void;
  /** The last resort, where it cannot even be told of a failure: nobody may be left waiting. */
  breakOff(): void;
}
