// The TLS settings of a listener, and which certificate a client gets for the name it calls (SNI, RFC 6066 section 3).
// Choosing never throws. What becomes of a name that no certificate holds is decided elsewhere.

import { constants } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { ListenerTlsConfig } from '../config/config.ts';
import type { Certificate } from './certificates.ts';

/**
 * Forward secrecy and AEAD only: Node's own list also holds CBC suites, which HTTP/2 forbids (RFC 9113 section 9.2.2).
 * AES-128 first as it costs least.
 */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/**
 * Of the first three a client gets the one it has sent a key share for, without another round trip; P-384, which costs us
 * 1.2 ms more, only who knows none of them. Node's own list also has P-521, X448 and finite fields, which nobody needs.
 */
const GROUPS = 'X25519MLKEM768:X25519:P-256/P-384';

/** Everything a context needs; the same for all certificates of a listener, as SNI may choose any of them. */
export function secureContextOptions(
  certificate: Certificate,
  minVersion: ListenerTlsConfig['minVersion'],
): SecureContextOptions {
  return {
    cert: certificate.certPem,
    key: certificate.keyPem,
    ciphers: CIPHERS,
    ecdhCurve: GROUPS,
    honorCipherOrder: true,
    minVersion,
    // RFC 9113 section 9.2.1 forbids renegotiation. ChaCha20 goes first for clients that prefer it (no AES in hardware).
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_PRIORITIZE_CHACHA,
  };
}

/** OpenSSL takes 1.5 µs to look into a certificate: a quarter of a handshake where there are a hundred. */
const MOST_REMEMBERED = 1024;

/** Undefined where no certificate holds the name. */
export type SelectContext = (serverName: string) => SecureContext | undefined;

/** Rejects nothing later: a certificate OpenSSL does not accept throws here. */
export function buildSecureContexts(
  certificates: readonly Certificate[],
  minVersion: ListenerTlsConfig['minVersion'],
): SelectContext {
  const entries = certificates.map((certificate) => ({
    certificate,
    context: createSecureContext(secureContextOptions(certificate, minVersion)),
  }));
  const found = new Map<string, SecureContext>();
  return (serverName) => {
    const name = normaliseServerName(serverName);
    if (name === undefined) return undefined;
    const known = found.get(name);
    if (known !== undefined) return known;
    const context = (
      entries.find(({ certificate }) => holdsName(certificate, name, false)) ??
      entries.find(({ certificate }) => holdsName(certificate, name, true))
    )?.context;
    // A wildcard holds any number of names. Those that nobody holds are not remembered: strangers make them up.
    if (found.size >= MOST_REMEMBERED) found.clear();
    if (context !== undefined) found.set(name, context);
    return context;
  };
}

/**
 * Left to OpenSSL, which knows that NUL octets, IP addresses and the common name are traps. An exact name is looked for
 * before a wildcard; a wildcard stands for one whole label.
 */
function holdsName(certificate: Certificate, name: string, wildcards: boolean): boolean {
  const found = certificate.leaf.checkHost(name, { wildcards, partialWildcards: false });
  return found !== undefined;
}

/** DNS names compare without case; undefined for what is no host name. */
function normaliseServerName(serverName: string): string | undefined {
  const name = serverName.toLowerCase().replace(/\.$/, '');
  return /^[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?$/.test(name) ? name : undefined;
}
