// Who owns the stream of a client: its exchange, or a translator in front of that. Connections and edges deal with these alone, and
// need not know which of the two they have.

import type { StreamOwner } from '../h2/stream.ts';
import type { CallStream } from './call-stream.ts';
import type { Failure } from './failure.ts';

/** What a response has carried, and what of it waits for the client. */
export interface ResponseProgress {
  /** Bytes of DATA that the service has sent. */
  readonly bytes: number;
  /** Bytes that the client has had no room for yet. */
  readonly pendingBytes: number;
}

export interface ClientCall extends StreamOwner {
  readonly response: ResponseProgress;
  /** The call that a translator stands in front of. Undefined for an exchange. */
  readonly translated: ClientCall | undefined;
  /** @param endStream the request has no body */
  start(endStream: boolean): void;
  /** Ends the call with a status of the proxy's own now: what the client has not taken is lost. */
  abort(cause: Failure): void;
}

/** Stands between a client's stream and its exchange, which sees the stream of a client of another protocol. */
export interface Translator extends ClientCall, CallStream {
  /** To be called once, before `start`. @param call was made with this translator as its stream */
  serve(call: ClientCall): void;
  /** The exchange has finished. What the translator still holds for the client is sent first. */
  exchangeFinished(): void;
}

/** Streams of clients have no other owners; those of services have. */
export function isClientCall(owner: StreamOwner): owner is ClientCall {
  return 'translated' in owner;
}
