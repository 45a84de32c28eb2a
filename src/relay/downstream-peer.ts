// What the relay knows about the client of a connection. The listener creates one object for each connection.

import type { ClientCertificate } from '../calls/client-certificate.ts';
import type { ForwardedClient } from './forwarded-headers.ts';

export interface DownstreamPeer extends ForwardedClient {
  readonly listener: string;
  /** Address and port. */
  readonly client: string;
  /** The local port to which the client connected. Undefined on a unix socket. */
  readonly port?: number | undefined;
  /** The server name from SNI in lower case. Undefined or '' if the client has sent none. */
  readonly serverName?: string;
  /** Undefined if the client has shown none that is valid. */
  readonly clientCertificate?: ClientCertificate | undefined;
  /** Why the certificate that the client has shown is not valid, in the words of OpenSSL. Undefined if it has shown none, or a valid one. */
  readonly clientCertificateFault?: string | undefined;
  /** Set if the client uses the wrong protocol on this connection. Every call is then answered with an explanation. */
  readonly mismatch?: 'plaintext_on_tls_port' | undefined;
}
