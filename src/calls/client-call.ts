// The owner of a client's stream: an exchange, or a translator in front of one. Connections and edges need not know which of the two it
// is.

import type { StreamOwner } from '../h2/stream.ts';
import type { CallStream } from './call-stream.ts';
import type { Failure } from './failure.ts';

/** How much of a response has arrived, and how much of it waits for the client. */
export interface ResponseProgress {
  /** DATA bytes of the response so far, without padding. */
  readonly bytes: number;
  /** Bytes that wait: the client's stream has no room for them, or a limit of the route holds them back. */
  readonly pendingBytes: number;
  /** Those of them that wait for the client alone, and not for a limit. */
  readonly owedBytes: number;
}

export interface ClientCall extends StreamOwner {
  readonly response: ResponseProgress;
  /** The call behind a translator. Undefined for an exchange. */
  readonly translated: ClientCall | undefined;
  /** @param endStream whether the request has no body */
  start(endStream: boolean): void;
  /** Ends the call at once with the status of `cause`. Data that the client has not taken is dropped. */
  abort(cause: Failure): void;
}

/** Stands between a client's stream and its exchange, and translates. To the exchange, the client seems to speak the other protocol. */
export interface Translator extends ClientCall, CallStream {
  /** Call this once, before start(). @param call the call that was created with this translator as its stream */
  serve(call: ClientCall): void;
  /** The exchange has finished. The translator may still have data to send to the client. */
  exchangeFinished(): void;
}

/** Whether this is the owner of a client's stream. Streams to services have other owners. */
export function isClientCall(owner: StreamOwner): owner is ClientCall {
  return 'translated' in owner;
}
