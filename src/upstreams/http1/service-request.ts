// One try of a request at one endpoint, as those who make tries and those who want them agree on it.

import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { OutgoingHead } from './request-fields.ts';

/** Wraps a listener on one of Node's objects: what it throws ends this request, and nothing else. */
export type Guard = <Values extends readonly unknown[]>(
  listener: (...values: Values) => void,
) => (...values: Values) => void;

export interface AttemptParts {
  /** Made in this turn of the event loop, and not sent before there is a connection: nobody listens to it yet. */
  readonly request: ClientRequest;
  /** What the request asks for. */
  readonly head: OutgoingHead;
  /** Called when there is one: sends head and body, or the head alone. May not throw. */
  readonly sendBody: (request: ClientRequest) => void;
  /** For every listener on the request, on its response and on their socket. */
  readonly guard: Guard;
}

export interface AttemptFailure {
  /** `code` of Node's error, or of ours. */
  readonly code: string | undefined;
  /** The HTTP parser's own words. */
  readonly reason: string | undefined;
  /** There was a connection: some of the request may have been processed. */
  readonly isConnected: boolean;
  /** The connection had served another request before. */
  readonly isReused: boolean;
}

/** Told inside a guard. */
export interface AttemptEvents {
  /** An interim response: 1xx, but never 101. */
  onInterim(httpStatus: number, rawHeaders: readonly string[]): void;
  /** The head of the final response. */
  onResponse(response: IncomingMessage): void;
  /** Status 101, as the request has asked for it. `head` is what the service sent behind it. */
  onUpgraded(response: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** It failed, before the response, within it, or within the upgraded connection, which may also just have ended. */
  onEnded(failure: AttemptFailure): void;
}

export interface AttemptHandle {
  /** Gives everything back: a connection that is in use is closed. After this nothing is told. */
  finish(): void;
}

export type AttemptStarter = (parts: AttemptParts, events: AttemptEvents) => AttemptHandle;
