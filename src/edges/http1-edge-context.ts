// What the requests of HTTP/1.1 clients share, and what is known of the connections they come by.

import type { MismatchPolicy } from '../config/config.ts';
import type { RefusalToken } from '../diagnosis/refusal.ts';
import type { DownstreamPeer } from '../relay/downstream-peer.ts';
import type { RelayContext } from '../relay/relay-context.ts';
import type { Containment } from '../transport/containment.ts';

/** The client as the listener knows it. One object for each connection. */
export interface Http1Peer extends DownstreamPeer {
  /** What ALPN chose; '' in the clear, and for TLS clients that offered nothing. */
  readonly alpn: 'h2' | 'http/1.1' | '';
  readonly mismatchPolicy: MismatchPolicy;
}

export interface Http1EdgeContext {
  /** Of all exchanges of the process. */
  readonly relay: RelayContext;
  /** Of listeners on the requests, responses and sockets of HTTP/1.1 clients. */
  readonly containment: Containment;
  /** A client was told what it did wrong, or was cut off for it. */
  onRefused(peer: Http1Peer, token: RefusalToken, detail?: string): void;
}
