// The TLS settings of a listener, and the choice of a certificate by the server name (SNI, RFC 6066 section 3). Choosing never
// throws. tls-server.ts decides what happens to a name that no certificate covers.

import { constants } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { ListenerTlsConfig } from '../config/config.ts';
import type { Certificate } from './certificates.ts';
import { authorityOptions, type ClientAuthorities } from './client-authorities.ts';

/**
 * Only suites with forward secrecy and AEAD: Node's own list also has CBC suites, which HTTP/2 forbids (RFC 9113 section 9.2.2).
 * AES-128 is first because it costs least.
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
 * A client gets whichever of the first three it has sent a key share for, which saves a round trip. P-384, which costs us 1.2 ms
 * more, is only for clients that know none of these. Node's own list also has P-521, X448 and finite fields, which are not
 * needed.
 */
const GROUPS = 'X25519MLKEM768:X25519:P-256/P-384';

/** The options of a context, which are the same for all certificates of a listener, as SNI may choose any of them. */
export function secureContextOptions(
  certificate: Certificate,
  minVersion: ListenerTlsConfig['minVersion'],
  authorities?: ClientAuthorities,
): SecureContextOptions {
  return {
    ...authorityOptions(authorities),
    cert: certificate.certPem,
    key: certificate.keyPem,
    ciphers: CIPHERS,
    ecdhCurve: GROUPS,
    honorCipherOrder: true,
    minVersion,
    // RFC 9113 section 9.2.1 forbids renegotiation. ChaCha20 comes first for clients that prefer it (those without AES in
    // hardware).
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_PRIORITIZE_CHACHA,
  };
}

/**
 * How many names are cached. OpenSSL takes 1.5 µs to match a name against a certificate, which is a quarter of a handshake for a
 * hundred certificates.
 */
const MOST_REMEMBERED = 1024;

/** Returns undefined when no certificate covers the name. */
export type SelectContext = (serverName: string) => SecureContext | undefined;

/** Throws when OpenSSL does not accept a certificate, so that this cannot happen later. */
export function buildSecureContexts(
  certificates: readonly Certificate[],
  minVersion: ListenerTlsConfig['minVersion'],
  authorities?: ClientAuthorities,
): SelectContext {
  const entries = certificates.map((certificate) => ({
    certificate,
    context: createSecureContext(secureContextOptions(certificate, minVersion, authorities)),
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
    // A wildcard covers any number of names, so the cache is bounded. Names that no certificate covers are not cached: anyone can
    // make them up.
    if (found.size >= MOST_REMEMBERED) found.clear();
    if (context !== undefined) found.set(name, context);
    return context;
  };
}

/**
 * Whether a certificate covers the name. OpenSSL checks this, since it knows the traps of NUL bytes, IP addresses and common
 * names. A wildcard stands for one whole label.
 */
function holdsName(certificate: Certificate, name: string, wildcards: boolean): boolean {
  const found = certificate.leaf.checkHost(name, { wildcards, partialWildcards: false });
  return found !== undefined;
}

/** The name in lower case without a final dot, since DNS names are case-insensitive. Undefined when it is not a host name. */
function normaliseServerName(serverName: string): string | undefined {
  const name = serverName.toLowerCase().replace(/\.$/, '');
  return /^[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?$/.test(name) ? name : undefined;
}
