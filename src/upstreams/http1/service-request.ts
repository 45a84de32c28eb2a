// One attempt of a request at one endpoint: the interface between the code that makes attempts and the code that needs them.

import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { OutgoingHead } from './request-fields.ts';

/** Wraps a listener on one of Node's objects. An error thrown by the listener ends this request only. */
export type Guard = <Values extends readonly unknown[]>(
  listener: (...values: Values) => void,
) => (...values: Values) => void;

export interface AttemptParts {
  /** The request. It was created in this turn of the event loop, has no listeners yet, and is not sent before there is a connection. */
  readonly request: ClientRequest;
  /** The head of the request. */
  readonly head: OutgoingHead;
  /** Called when there is a connection. Sends the head, and the body if there is one. May not throw. */
  readonly sendBody: (request: ClientRequest) => void;
  /** Wraps every listener on the request, its response and their socket. */
  readonly guard: Guard;
}

export interface AttemptFailure {
  /** The `code` of Node's error, or of ours. */
  readonly code: string | undefined;
  /** What the HTTP parser said, or for NOT_AS_ASKED what the service did. */
  readonly reason: string | undefined;
  /** There was a connection, so a part of the request may have been processed. */
  readonly isConnected: boolean;
  /** The connection had served another request before. */
  readonly isReused: boolean;
}

/** Called inside a guard. */
export interface AttemptEvents {
  /** An interim response: 1xx, but never 101. */
  onInterim(httpStatus: number, rawHeaders: readonly string[]): void;
  /** The head of the final response. */
  onResponse(response: IncomingMessage): void;
  /** Status 101, as the request asked for. `head` is what the service sent after it. */
  onUpgraded(response: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** The attempt failed before or during the response, or the upgraded connection ended or broke. */
  onEnded(failure: AttemptFailure): void;
}

export interface AttemptHandle {
  /** Releases everything. A connection that is in use is closed. There are no events after this. */
  finish(): void;
}

export type AttemptStarter = (parts: AttemptParts, events: AttemptEvents) => AttemptHandle;
