// The catalogue of refused clients: what a client did that this listener cannot serve, and what to tell its owner.
// Tokens and sentences only; the sentences hold nothing that a client sent.

import type { Diagnosis } from './diagnosis.ts';

const SENTENCES = {
  tls_on_plaintext_port:
    'A TLS client called a plaintext port; use plaintext (insecure) credentials in the client, or give this listener a certificate.',
  plaintext_on_tls_port:
    'A client called a TLS port without TLS; use TLS credentials in the client (not insecure ones), or another port.',
  http1_on_tls_port:
    'A client called a TLS port with plaintext HTTP/1; use https:// in the client, or another port.',
  http1_on_grpc_port:
    'An HTTP/1 client called a gRPC port; gRPC needs HTTP/2: is a proxy between the client and this port, or is it a browser?',
  tls_without_h2:
    'A client spoke HTTP/2 over TLS without having chosen it by ALPN; HTTP/2 over TLS needs ALPN "h2" (RFC 9113 section 3.2): does something in between terminate TLS, or is the client very old?',
  http1_upgrade:
    'A client asked for an HTTP/1 upgrade (a WebSocket, or h2c), which this listener does not serve.',
  http1_connect: 'A client asked for an HTTP tunnel (CONNECT), which this listener does not serve.',
  http1_malformed: 'A client sent an HTTP/1 request that cannot be understood.',
  http1_header_too_large: 'A client sent more HTTP/1 header fields than this listener accepts (16 KiB).',
  http1_headers_timeout: 'A client did not finish the header of its HTTP/1 request in time.',
  proxy_protocol_not_enabled:
    'A load balancer sent a PROXY protocol header, which this listener does not read; switch it off there.',
  unknown_protocol: 'A client sent something that is neither HTTP nor TLS; does it call the right port?',
  first_bytes_abandoned:
    'A client closed the connection before it had sent anything that tells its protocol; port checks do so.',
  first_bytes_timeout:
    'A client connected and sent nothing that tells its protocol in time; is it a port check of a load balancer or a monitor?',
  tls_handshake_timeout: 'A client did not finish the TLS handshake in time.',
  tls_handshake_abandoned:
    'A client closed the connection during the TLS handshake; a port check does so, and so does a client that does not trust the certificate.',
  tls_version_unsupported:
    "A client offered only TLS versions that this listener does not accept; raise the client's TLS version (1.2 at least), or lower this listener's minimum.",
  tls_no_shared_cipher:
    'A client offered no cipher suite that this listener accepts; it accepts forward secret AEAD suites only (RFC 9113 section 9.2.2).',
  tls_no_shared_alpn:
    'A client offered by ALPN neither "h2" nor "http/1.1"; a gRPC client has to offer "h2".',
  tls_certificate_not_trusted:
    "A client does not accept this listener's certificate; is its issuer known to the client, is it valid now, and does it hold the name the client called?",
  tls_handshake_failed: 'The TLS handshake with a client failed.',
  listener_error: 'The listener could not accept a connection.',
} as const;

export type RefusalToken = keyof typeof SENTENCES;

/** All of them, for metrics that want their labels to exist from the start. */
export const refusalTokens: readonly string[] = Object.keys(SENTENCES);

export function diagnoseRefusal(token: RefusalToken): Diagnosis {
  return { token, sentence: SENTENCES[token] };
}
