// TLS towards endpoints, whatever is spoken inside: the certificates are verified, always.

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Address, UpstreamTlsConfig } from '../config/config.ts';

/** Reads the files. Throws an Error that names the upstream and the file where one cannot be used. */
export function upstreamSecureContext(config: UpstreamTlsConfig, upstream: string): SecureContext {
  try {
    const [ca, cert, key] = [config.ca, config.cert, config.key].map((file) =>
      file === undefined ? undefined : readFileSync(file),
    );
    return createSecureContext({ ca, cert, key, minVersion: 'TLSv1.2' });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`upstream '${upstream}': its TLS files cannot be used: ${reason}`, { cause: error });
  }
}

/**
 * The name to call by SNI and to find in the certificate; undefined for an address, which SNI cannot hold (RFC 6066
 * section 3) and which is itself looked for in the certificate.
 */
export function upstreamServerName(config: UpstreamTlsConfig, address: Address): string | undefined {
  if (config.serverName !== undefined) return config.serverName;
  return address.kind === 'tcp' && isIP(address.host) === 0 ? address.host : undefined;
}

/**
 * A handshake that fails while octets wait to be written is reported as EPROTO, with OpenSSL's reason in the message:
 * 'write EPROTO …:SSL routines:function:wrong version number:…'. Without them Node makes a code of the reason.
 */
export function tlsErrorCode(error: NodeJS.ErrnoException): string | undefined {
  const reason =
    error.code === 'EPROTO' ? /:SSL routines:[^:]*:([^:]+):/.exec(error.message)?.[1] : undefined;
  return reason === undefined ? error.code : `ERR_SSL_${reason.toUpperCase().replaceAll(' ', '_')}`;
}
