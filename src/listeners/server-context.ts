// What the servers of a listener need to know of it.

import type { Containment } from '../transport/containment.ts';
import type { Admission } from './admission.ts';
import type { Http1Side } from './http1-side.ts';
import type { ListenerHandler } from './listener-handler.ts';
import type { Openings } from './openings.ts';
import type { PeerSource } from './peer.ts';
import type { TicketKeys } from './ticket-keys.ts';
import type { TrustedClients } from './trusted-clients.ts';

export interface ListenerTimeouts {
  /** For a client to tell its protocol, its PROXY header included. */
  readonly firstBytesMs: number;
  /** For the rest of a ClientHello on a plaintext port, which is read for the log alone. */
  readonly clientHelloMs: number;
  readonly tlsHandshakeMs: number;
  /** For the header of an HTTP/1.1 request, from its first octet or the beginning of the connection. */
  readonly http1HeadersMs: number;
}

export interface ServerContext {
  readonly source: PeerSource;
  readonly handler: ListenerHandler;
  readonly http1: Http1Side;
  readonly containment: Containment;
  readonly timeouts: ListenerTimeouts;
  /** To be settled when a connection is handed up; closing it does that too. */
  readonly openings: Openings;
  readonly ticketKeys: TicketKeys;
  readonly admission: Admission;
  /** Whose connections begin with a PROXY header; undefined where nobody's do. */
  readonly isProxy: TrustedClients | undefined;
}
