// What the exchanges of the bridge share, and what it needs to know of the connections it gets.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { MismatchPolicy } from '../config/config.ts';
import type { RefusalToken } from '../diagnosis/refusal.ts';
import type { ClientTerms } from '../relay/client-terms.ts';
import type { ExchangeObserver } from '../relay/exchange-record.ts';
import type { DownstreamPeer } from '../relay/request-head.ts';
import type { RequestIds } from '../relay/request-id.ts';
import type { Snapshot } from '../relay/snapshot.ts';
import type { Containment } from '../transport/containment.ts';

/** The client as the listener knows it. One object for each connection. */
export interface BridgePeer extends DownstreamPeer {
  /** What ALPN chose; '' in the clear, and for TLS clients that offered nothing. */
  readonly alpn: 'h2' | 'http/1.1' | '';
  readonly mismatchPolicy: MismatchPolicy;
}

export interface BridgeContext {
  /** The configuration new exchanges begin with. */
  snapshot(): Snapshot;
  readonly observer: ExchangeObserver;
  readonly requestIds: RequestIds;
  readonly terms: Readonly<ClientTerms>;
  /** Of listeners on the requests, responses and sockets of HTTP/1.1 clients. */
  readonly containment: Containment;
  /** A gRPC-Web call, on a route of this configuration that serves it. */
  handleGrpcWeb(
    request: IncomingMessage,
    response: ServerResponse,
    peer: BridgePeer,
    snapshot: Snapshot,
  ): void;
  /** A client was told what it did wrong, or was cut off for it. */
  onRefused(peer: BridgePeer, token: RefusalToken, detail?: string): void;
}
