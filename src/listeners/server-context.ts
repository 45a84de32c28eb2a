// What a plaintext or TLS server needs to know of the listener it works for.

import type { Http1Handler } from './http1-side.ts';
import type { ListenerHandler } from './listener-handler.ts';
import type { PeerSource } from './peer.ts';

export interface ListenerTimeouts {
  /** For a client of a plaintext port to tell its protocol. */
  readonly firstBytesMs: number;
  readonly tlsHandshakeMs: number;
  /** For the header of an HTTP/1.1 request, from its first octet or the beginning of the connection. */
  readonly http1HeadersMs: number;
}

export interface ServerContext {
  readonly source: PeerSource;
  readonly handler: ListenerHandler;
  readonly http1: Http1Handler;
  readonly timeouts: ListenerTimeouts;
}
