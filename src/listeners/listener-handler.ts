// Where a listener sends what it accepts. Called from socket events: nothing here may throw or return a promise.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { DownstreamPeer } from './peer.ts';
import type { Refusal } from './refusal.ts';

export interface ListenerHandler {
  /**
   * An HTTP/2 connection. The socket is the handler's from here on: it attaches 'data' before it returns (octets that
   * come while nobody listens are lost), treats `head` as received before them, and closes the socket in the end.
   * `head` is what a plaintext connection has sent already, the client preface first, perhaps with whole frames after
   * it; undefined on TLS, where the preface is still to come. An 'error' listener is attached already; 'close' is
   * always emitted.
   */
  onHttp2(socket: Socket, peer: DownstreamPeer, head: Buffer | undefined): void;
  /** An HTTP/1.1 request, of Node's own HTTP server. */
  onHttp1Request(request: IncomingMessage, response: ServerResponse, peer: DownstreamPeer): void;
  /** A client was turned away; its connection is closed or closing. */
  onRefused(refusal: Refusal): void;
}
