// What the servers of a listener need to know about it.

import type { Containment } from '../transport/containment.ts';
import type { ConnectionAdmission } from './connection-admission.ts';
import type { Http1Side } from './http1-side.ts';
import type { ListenerHandler } from './listener-handler.ts';
import type { Openings } from './openings.ts';
import type { PeerSource } from './peer.ts';
import type { TicketKeys } from './ticket-keys.ts';
import type { TrustedClients } from './trusted-clients.ts';

export interface ListenerTimeouts {
  /** How long a client may take to show its protocol, including a PROXY header. */
  readonly firstBytesMs: number;
  /** How long to wait for the rest of a ClientHello on a plaintext port, which is read only for the log. */
  readonly clientHelloMs: number;
  readonly tlsHandshakeMs: number;
  /** How long the header of an HTTP/1.1 request may take, from its first byte or the start of the connection. */
  readonly http1HeadersMs: number;
}

export interface ServerContext {
  readonly source: PeerSource;
  readonly handler: ListenerHandler;
  readonly http1: Http1Side;
  readonly containment: Containment;
  readonly timeouts: ListenerTimeouts;
  /** The connections that were not handed up yet. A connection is settled when it is handed up, or closed. */
  readonly openings: Openings;
  readonly ticketKeys: TicketKeys;
  readonly admission: ConnectionAdmission;
  /** Which addresses send a PROXY header at the start of a connection. Undefined when none do. */
  readonly isProxy: TrustedClients | undefined;
}
