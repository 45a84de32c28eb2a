// What the certificate of a client says of it, if the listener has asked for one and has verified it.

import type { ClientCertificate } from '../listeners/client-certificate.ts';

export type { ClientCertificate };

/** The name that a certificate gives its owner: the first URI, else the first DNS name, else the subject, which may be ''. */
export function principalOf({ uris, dnsNames, subject }: ClientCertificate): string {
  return uris.at(0) ?? dnsNames.at(0) ?? subject;
}
