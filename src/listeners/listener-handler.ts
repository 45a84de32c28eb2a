// The handler to which a listener hands its connections. Its methods are called from socket events, so they may not throw or
// return a promise.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Containment } from '../transport/containment.ts';
import type { ListenerPeer } from './peer.ts';
import type { Refusal } from './refusal.ts';

export interface ListenerHandler {
  /**
   * Takes over an HTTP/2 connection. The handler must attach 'data' before it returns, since bytes that arrive without a listener
   * are lost; it treats `head` as received before them; and it closes the socket in the end. `head` is what the client has
   * already sent: the client preface, possibly with frames after it. `head` is undefined when ALPN chose h2 and the preface is
   * still to come. An 'error' listener is already attached, and 'close' is always emitted. With `peer.mismatch`, every request
   * must be answered with an explanation.
   */
  onHttp2(socket: Socket, peer: ListenerPeer, head: Buffer | undefined): void;
  /**
   * The limit for the request line and the header fields of an HTTP/1.1 request. Read for each connection; the listener refuses
   * larger ones.
   */
  readonly maxHeaderBytes: number;
  /** How many header fields an HTTP/1.1 request may have. Read for each connection. */
  readonly maxHeaderFields: number;
  /**
   * Takes an HTTP/1.1 request from Node's HTTP server. Host may be missing or repeated, and Expect has not been answered.
   * @param isTruncated the request had more fields than maxHeaderFields, and not all of them are there: it may only be refused
   */
  onHttp1Request(
    request: IncomingMessage,
    response: ServerResponse,
    peer: ListenerPeer,
    isTruncated: boolean,
  ): void;
  /**
   * Takes over the socket of a GET with `Upgrade: websocket`, which has not been answered yet; all earlier requests have been.
   * The socket is not flowing and may be paused. `head` holds the bytes already read, if any. An 'error' listener is attached.
   */
  onHttp1Upgrade(
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
    peer: ListenerPeer,
    isTruncated: boolean,
  ): void;
  /** A client was refused. Its connection is closed, is closing, or explains the refusal (`peer.mismatch`). */
  onRefused(refusal: Refusal): void;
  /** A listener on one of Node's objects threw. The affected connection is closed. */
  onFault(error: unknown): void;
}

/** The containment for listeners on Node's objects that belong to a listener of the configuration. */
export function listenerContainment(handler: Pick<ListenerHandler, 'onFault'>): Containment {
  return new Containment('listener', (_layer, error) => handler.onFault(error));
}
