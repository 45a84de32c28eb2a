// Where a listener sends what it accepts. Called from socket events: nothing here may throw or return a promise.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Containment } from '../transport/containment.ts';
import type { DownstreamPeer } from './peer.ts';
import type { Refusal } from './refusal.ts';

export interface ListenerHandler {
  /**
   * An HTTP/2 connection. The socket is the handler's from here on: it attaches 'data' before it returns (octets that
   * come while nobody listens are lost), treats `head` as received before them, and closes the socket in the end.
   * `head` is what the client has sent already, the client preface first, perhaps with whole frames after it;
   * undefined where ALPN chose h2, and the preface is still to come. An 'error' listener is attached already; 'close'
   * is always emitted. With `peer.mismatch`, every request is to be answered with an explanation.
   */
  onHttp2(socket: Socket, peer: DownstreamPeer, head: Buffer | undefined): void;
  /** Of the request line and the header fields of HTTP/1.1 requests. Asked for each connection; what is larger is refused here. */
  readonly maxHeaderBytes: number;
  /** Header fields that an HTTP/1.1 request may have. Asked for each connection. */
  readonly maxHeaderFields: number;
  /**
   * An HTTP/1.1 request, of Node's own HTTP server. Its header may hold Host not or twice, and expectations that nobody has
   * answered.
   * @param isTruncated it had more fields than maxHeaderFields, of which not all are there: it may only be refused
   */
  onHttp1Request(
    request: IncomingMessage,
    response: ServerResponse,
    peer: DownstreamPeer,
    isTruncated: boolean,
  ): void;
  /**
   * A GET with `Upgrade: websocket`, which nobody has answered yet; all requests before it are. The socket is the handler's from
   * here on: not flowing, perhaps paused, `head` read already and perhaps empty. An 'error' listener is attached.
   */
  onHttp1Upgrade(
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
    peer: DownstreamPeer,
    isTruncated: boolean,
  ): void;
  /** A client was turned away; its connection is closed or closing, or is being told why (`peer.mismatch`). */
  onRefused(refusal: Refusal): void;
  /** A listener on one of Node's objects threw. The connection it was about is closed. */
  onFault(error: unknown): void;
}

/** For the listeners on Node's objects that belong to a listener of the configuration. */
export function listenerContainment(handler: Pick<ListenerHandler, 'onFault'>): Containment {
  return new Containment('listener', (_layer, error) => handler.onFault(error));
}
