// The public key of a certificate, by which the doctor recognises a proxy: only who has its private key can finish a TLS handshake with it.

import type { X509Certificate } from 'node:crypto';

/** Never throws. @returns the key in base64 of its DER, '' if this Node does not know keys of its kind */
export function publicKeyOf(certificate: X509Certificate): string {
  try {
    return certificate.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  } catch {
    return '';
  }
}
