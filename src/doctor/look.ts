// Looks at a port as different clients do: plaintext HTTP/2, TLS with ALPN h2, with http/1.1 alone, and without ALPN.

import type { Address } from '../config/address.ts';
import { type DialFailure, dial, probeHostFor, type TlsFacts } from './dial.ts';
import { quoted, shownText } from './finding.ts';
import { type Greeting, greet } from './greeting.ts';

/** How long each look takes at most. */
export const LOOK_MS = 2000;

export interface Look {
  readonly plaintext: Greeting | DialFailure;
  readonly h2: Greeting | DialFailure;
  readonly http1: TlsFacts | DialFailure;
  readonly withoutAlpn: TlsFacts | DialFailure;
}

export interface LookOptions {
  readonly serverName?: string | undefined;
  readonly ca?: Buffer | undefined;
  /** As in TlsWish. */
  readonly publicKeys?: ReadonlySet<string> | undefined;
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
}

/** Never rejects. */
export async function lookAt(address: Address, options: LookOptions = {}): Promise<Look> {
  const from = probeHostFor(address);
  const handshake = async (alpn: readonly string[] | undefined): Promise<TlsFacts | DialFailure> => {
    const dialled = await dial(address, { ...options, alpn }, LOOK_MS, from);
    if ('failure' in dialled) return dialled;
    dialled.socket.destroy();
    return dialled.tls ?? { failure: 'unknown', reason: undefined };
  };
  const [plaintext, h2, http1, withoutAlpn] = await Promise.all([
    greet(address, undefined, LOOK_MS, from),
    greet(address, { ...options, alpn: ['h2'] }, LOOK_MS, from),
    handshake(['http/1.1']),
    handshake(undefined),
  ]);
  return { plaintext, h2, http1, withoutAlpn };
}

/** Whether HTTP/2 is spoken over TLS, chosen by ALPN. */
export function hasTlsHttp2({ h2 }: Look): boolean {
  return 'kind' in h2 && h2.kind === 'http2-settings' && h2.tls?.alpn === 'h2';
}

/** Whether HTTP/2 is chosen by ALPN, although it may not follow. */
export function choosesHttp2({ h2 }: Look): boolean {
  return 'kind' in h2 && h2.tls?.alpn === 'h2';
}

/** Whether a TLS handshake succeeds, whatever is spoken inside. */
export function hasTls({ h2, http1, withoutAlpn }: Look): boolean {
  return 'kind' in h2 || !('failure' in http1) || !('failure' in withoutAlpn);
}

/** Whether a client that may choose uses TLS: HTTP/2 is spoken there, or clients without a certificate are turned away. */
export function prefersTls(look: Look): boolean {
  if (!hasPlaintextHttp2(look)) return true;
  return choosesHttp2(look) || isTurnedAway(look) || wantsClientCertificate(look);
}

/**
 * Whether plaintext HTTP/2 may be there only to tell clients that the port is for TLS, as a Framegate does by each answer. A port that says
 * why a handshake fails may be one, too.
 */
export function mayBeForTls(look: Look): boolean {
  const { h2 } = look;
  return hasTls(look) || ('failure' in h2 && /ALERT|UNRECOGNIZED/.test(h2.failure));
}

/** Whether TLS is spoken, and the client turned away before HTTP/2 begins: by an alert, or by the end of the connection. */
export function isTurnedAway(look: Look): boolean {
  const { h2 } = look;
  if ('kind' in h2) return h2.kind === 'need-more' && h2.isClosed;
  return hasTls(look) && /ALERT|ECONNRESET/.test(h2.failure);
}

/** Whether the peer says by an alert that it wants a certificate, or another one. The doctor itself refuses no certificate. */
export function wantsClientCertificate({ h2 }: Look): boolean {
  return 'failure' in h2 && /ALERT_(?:CERTIFICATE_|BAD_CERTIFICATE|UNKNOWN_CA)/.test(h2.failure);
}

export function hasPlaintextHttp2({ plaintext }: Look): boolean {
  return 'kind' in plaintext && plaintext.kind === 'http2-settings' && plaintext.goAway === undefined;
}

/** Why no TCP connection could be made. Undefined if one could. */
export function connectFailureOf({ plaintext }: Look): string | undefined {
  return 'failure' in plaintext && plaintext.failure !== 'ECONNRESET' ? plaintext.failure : undefined;
}

/** What a client that begins in plaintext HTTP/2 gets. */
export function describePlaintext({ plaintext }: Look): string {
  if ('failure' in plaintext) return `no answer (${plaintext.failure})`;
  switch (plaintext.kind) {
    case 'http2-settings':
      return plaintext.goAway === undefined
        ? 'an answer in HTTP/2'
        : `an answer in HTTP/2, and ${plaintext.goAway}`;
    case 'need-more':
      return plaintext.isClosed ? 'a closed connection, without a word' : 'silence';
    case 'tls':
      return 'a TLS alert';
    default:
      return `${shownText(plaintext.firstLine)}${plaintext.server === '' ? '' : ` from ${plaintext.server}`}`;
  }
}

/** What a TLS client gets. */
export function describeHandshake(seen: TlsFacts | Greeting | DialFailure): string {
  if ('failure' in seen) return `the handshake fails (${quoted(seen.reason ?? seen.failure, 100)})`;
  const facts = 'kind' in seen ? seen.tls : seen;
  if (facts === undefined || facts.alpn === '')
    return 'the handshake succeeds, and no protocol is chosen by ALPN';
  const isBroken = 'kind' in seen && facts.alpn === 'h2' && seen.kind !== 'http2-settings';
  const after = isBroken ? ', but HTTP/2 does not follow' : '';
  return `the handshake succeeds, and ALPN chooses “${quoted(facts.alpn, 40)}”${after}`;
}
