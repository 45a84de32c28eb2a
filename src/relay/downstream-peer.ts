// The client of a connection, as the relay knows it. Made by the listener, one object for each connection.

import type { ForwardedClient } from './forwarded-headers.ts';

export interface DownstreamPeer extends ForwardedClient {
  readonly listener: string;
  /** Address and port. */
  readonly client: string;
  /** The port the client called. Undefined on a unix socket. */
  readonly port?: number | undefined;
  /** What is wrong with the connection itself: every call on it is answered with the explanation. */
  readonly mismatch?: 'plaintext_on_tls_port' | undefined;
}
