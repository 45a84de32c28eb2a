// What the certificate of a client says of it, if the listener has asked for one and has verified it.

export interface ClientCertificate {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** As in RFC 4514: 'CN=edge-1,O=Example'. '' if it is empty. */
  readonly subject: string;
}
