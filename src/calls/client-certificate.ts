// What the certificate of a client says of it, if the listener has asked for one and has verified it.

export interface ClientCertificate {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /**
   * As in RFC 4514, the last part of the certificate first: 'CN=edge-1,O=Example'. What openssl prints for
   * `x509 -noout -subject -nameopt RFC2253,-esc_msb`. '' if it is empty.
   */
  readonly subject: string;
}

/** The name that a certificate gives its owner: the first URI, else the first DNS name, else the subject, which may be ''. */
export function principalOf({ uris, dnsNames, subject }: ClientCertificate): string {
  return uris.at(0) ?? dnsNames.at(0) ?? subject;
}
