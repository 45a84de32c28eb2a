// What all requests of HTTP/1.1 clients share, and what is known about their connections.

import type { MismatchPolicy } from '../config/config.ts';
import type { RefusalToken } from '../diagnosis/refusal.ts';
import type { DownstreamPeer } from '../relay/downstream-peer.ts';
import type { RelayContext } from '../relay/relay-context.ts';
import type { Containment } from '../transport/containment.ts';

/** The client of a connection, as the listener knows it. There is one object for each connection. */
export interface Http1Peer extends DownstreamPeer {
  /** The protocol that ALPN selected. '' for plaintext connections, and for TLS clients that did not use ALPN. */
  readonly alpn: 'h2' | 'http/1.1' | '';
  readonly mismatchPolicy: MismatchPolicy;
}

export interface Http1EdgeContext {
  /** Shared by all exchanges of the process. */
  readonly relay: RelayContext;
  /** Wraps the listeners on requests, responses and sockets of HTTP/1.1 clients. */
  readonly containment: Containment;
  /** A client was refused: by a response that explains why, or by closing its connection. */
  onRefused(peer: Http1Peer, token: RefusalToken, detail?: string): void;
}
