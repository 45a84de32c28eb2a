// What the certificate of a client says of it. The certificate has been verified; a client that has shown none, or none that is valid, has
// none here.

import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

export interface ClientCertificate {
  /** The names in the certificate, in its order (RFC 5280 section 4.2.1.6). */
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /**
   * As in RFC 4514, the last part of the certificate first: 'CN=edge-1,O=Example'. What openssl prints for
   * `x509 -noout -subject -nameopt RFC2253,-esc_msb`. '' if it is empty.
   */
  readonly subject: string;
}

/** How a certificate cannot be accepted. */
export type CertificateFault = 'missing' | { readonly detail: string };

/** Must be called after the handshake. */
export function clientCertificateOf(socket: TLSSocket, nowMs: number): ClientCertificate | CertificateFault {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return 'missing';
  if (!socket.authorized) return { detail: String(socket.authorizationError) };
  // A resumed session is not verified again.
  if (certificate.validToDate.getTime() < nowMs) return { detail: 'CERT_HAS_EXPIRED' };
  const names = namesOf(certificate);
  if (names === undefined) return { detail: 'its names cannot be read' };
  return { ...names, subject: subjectOf(certificate) };
}

export function isClientCertificate(found: ClientCertificate | CertificateFault): found is ClientCertificate {
  return found !== 'missing' && 'subject' in found;
}

/**
 * The subject may be empty where the certificate has other names (RFC 5280 section 4.1.2.6): Node's types do not say so. Node gives its parts
 * in the order of the certificate, each in a line, escaped as RFC 4514 has it; those of one part have ` + ` between them.
 */
export function subjectOf({ subject }: { readonly subject: string | undefined }): string {
  if (subject === undefined) return '';
  const parts = subject.split('\n').map((part) => part.split(' + ').toReversed().join('+'));
  return parts.toReversed().join(',');
}

/** A type, a colon, and a text that is quoted like JSON if it could be mistaken for the end of the name. */
const NAME = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, (?=.)|$)/y;

/** @returns undefined if the names cannot be told apart with certainty */
export function namesOf({
  subjectAltName = '',
}: Pick<X509Certificate, 'subjectAltName'>): Pick<ClientCertificate, 'uris' | 'dnsNames'> | undefined {
  const uris: string[] = [];
  const dnsNames: string[] = [];
  NAME.lastIndex = 0;
  while (NAME.lastIndex < subjectAltName.length) {
    const [, type, written] = NAME.exec(subjectAltName) ?? [];
    if (type === undefined) return undefined;
    const name = written.startsWith('"') ? unquoted(written) : written;
    if (name === undefined) return undefined;
    if (type === 'URI') uris.push(name);
    else if (type === 'DNS') dnsNames.push(name.toLowerCase());
  }
  return { uris, dnsNames };
}

function unquoted(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
