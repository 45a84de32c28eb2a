// Connections after their TLS handshake. ALPN says what they speak; for a client without ALPN, its first bytes do.

import type { TLSSocket } from 'node:tls';
import { classifyFirstBytes } from '../diagnosis/first-bytes.ts';
import type { RefusalToken } from '../diagnosis/refusal.ts';
import { readBytes } from './byte-reader.ts';
import type { ListenerPeer } from './peer.ts';
import { closeAfterFarewell, makeRefusal } from './refusal.ts';
import type { ServerContext } from './server-context.ts';

export function serveDecrypted(socket: TLSSocket, peer: ListenerPeer, context: ServerContext): void {
  if (peer.alpn === 'h2') serveHttp2(socket, peer, context);
  else if (peer.alpn === 'http/1.1') context.http1.serve(socket, peer);
  else serveUnnegotiated(socket, peer, context);
}

function serveHttp2(socket: TLSSocket, peer: ListenerPeer, context: ServerContext, head?: Buffer): void {
  context.openings.settle(socket);
  context.handler.onHttp2(socket, peer, head);
}

/** RFC 9113 section 3.2 requires ALPN of HTTP/2 clients, but some old and some very small ones do without. */
function serveUnnegotiated(socket: TLSSocket, peer: ListenerPeer, context: ServerContext): void {
  readBytes<'http2' | 'http1' | 'other'>(socket, {
    timeoutMs: context.timeouts.firstBytesMs,
    containment: context.containment,
    examine(bytes) {
      const kind = classifyFirstBytes(bytes);
      return kind === 'http2' || kind === 'http1' || kind === 'need-more' ? kind : 'other';
    },
    decided(outcome, bytes) {
      if (outcome === 'http2') serveHttp2(socket, peer, context, bytes);
      else if (outcome === 'http1') context.http1.serve(socket, peer, bytes);
      else refuse(socket, peer, TOKENS[outcome], context);
    },
  });
}

const TOKENS: Readonly<Record<'other' | 'timeout' | 'abandoned', RefusalToken>> = {
  other: 'unknown_protocol',
  timeout: 'first_bytes_timeout',
  abandoned: 'first_bytes_abandoned',
};

function refuse(socket: TLSSocket, peer: ListenerPeer, token: RefusalToken, context: ServerContext): void {
  if (token === 'first_bytes_abandoned') socket.destroy();
  else closeAfterFarewell(socket);
  context.handler.onRefused(makeRefusal(peer.listener, peer.client, token));
}
