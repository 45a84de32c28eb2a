// The catalogue of refused clients: what a client did that this listener cannot serve, and what its owner should change.
// It has only tokens and sentences, and the sentences contain nothing that a client sent.

import type { Diagnosis } from './diagnosis.ts';

const SENTENCES = {
  tls_on_plaintext_port:
    'A TLS client called a plaintext port; use plaintext (insecure) credentials in the client, or give this listener a certificate.',
  plaintext_on_tls_port:
    'A client called a TLS port without TLS; use TLS credentials in the client (not insecure ones), or another port.',
  http1_on_tls_port:
    'A client called a TLS port with plaintext HTTP/1; use https:// in the client, or another port.',
  http1_on_grpc_route:
    'An HTTP/1 request took a route that leads to a gRPC service; use a gRPC client, or set grpcWeb on the route for browsers.',
  http1_grpc:
    'A gRPC call came over plaintext HTTP/1; gRPC needs HTTP/2 with prior knowledge (h2c): does a proxy in between change the protocol?',
  tls_grpc_without_h2:
    'A gRPC call came over HTTP/1 in TLS, as the client had not chosen "h2" by ALPN; let the client offer "h2": does something in between terminate TLS?',
  tls_without_h2:
    'A client spoke HTTP/2 over TLS without having chosen it by ALPN; HTTP/2 over TLS needs ALPN "h2" (RFC 9113 section 3.2): does something in between terminate TLS, or is the client very old?',
  websocket_refused:
    'A client asked for a WebSocket, or another upgrade, on a route that cannot serve it; WebSockets need a route to an upstream with protocol: http1.',
  http1_connect: 'A client asked for an HTTP tunnel (CONNECT), which this listener does not serve.',
  http1_malformed: 'A client sent an HTTP/1 request that cannot be understood.',
  http1_request_invalid:
    'A client sent an HTTP/1 request that is forbidden or cannot be forwarded safely (RFC 9112): its Host, its target or the length of its body is ambiguous.',
  http1_header_too_large:
    'A client sent an HTTP/1 request whose header fields are larger than limits.headerListSize, or more than limits.headerFields; send less (mostly it is cookies), or raise the limit.',
  http1_headers_timeout: 'A client did not finish the header of its HTTP/1 request in time.',
  grpc_web_origin_refused:
    'A web page of an origin that is not in grpcWeb.origins of the route made a gRPC-Web call; add its origin there, if it may.',
  proxy_protocol_not_enabled:
    'A load balancer sent a PROXY protocol header, which this listener does not read; switch it off there, or set proxyProtocol.trusted here.',
  proxy_protocol_untrusted:
    'A PROXY protocol header came from a peer that is not in proxyProtocol.trusted; add the load balancer there, or switch the header off in it.',
  proxy_protocol_missing:
    'A peer in proxyProtocol.trusted sent no PROXY protocol header, which this listener requires of it; switch the header on in the load balancer, or take the peer out.',
  proxy_protocol_malformed:
    'A load balancer sent a PROXY protocol header that cannot be understood; it has to be version 1 or 2, and valid.',
  proxy_protocol_timeout: 'A peer in proxyProtocol.trusted did not finish its PROXY protocol header in time.',
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
  unknown_server_name:
    'A client called a server name (SNI) that no certificate of this listener holds, and tls.unknownServerName is refuse; call a name that one holds, or give this listener a certificate for it.',
  client_certificate_missing:
    'A client showed no certificate, which this listener requires (tls.clientAuth); give the client a certificate of one of the authorities in clientAuth.ca.',
  client_certificate_not_trusted:
    'A client showed a certificate that this listener does not accept (tls.clientAuth); is it of one of the authorities in clientAuth.ca, with its intermediate certificates, valid now and not revoked?',
  listener_error: 'The listener could not accept a connection.',
  too_many_connections:
    'A client was turned away, as there are as many connections as limits.connections allows; raise it together with the limit of open files, or find out who holds them.',
  too_many_connections_of_address:
    'A client was turned away, as its address has as many connections as limits.connectionsPerAddress allows; raise it, or name the address in trustedClients or proxyProtocol.trusted if it speaks for many.',
  memory_exhausted:
    'A client was turned away, as the memory of the proxy is used up (limits.memory); it is served again when calls have ended.',
} as const;

export type RefusalToken = keyof typeof SENTENCES;

/** Every token, so that metrics can create all their labels at start. */
export const refusalTokens: readonly string[] = Object.keys(SENTENCES);

/** Sentences to send to the client itself, for tokens whose sentence above talks about the client to someone else. */
const FOR_THE_CLIENT: Readonly<Partial<Record<RefusalToken, string>>> = {
  tls_without_h2:
    'This connection speaks HTTP/2 over TLS and has not chosen it by ALPN; HTTP/2 over TLS needs ALPN "h2" (RFC 9113 section 3.2): does something in between terminate TLS?',
  websocket_refused:
    'This path serves no WebSocket, and no other upgrade; WebSockets need a route to an upstream with protocol: http1.',
  http1_connect: 'This server opens no tunnels (CONNECT).',
  http1_malformed: 'This request is no HTTP/1.1 that can be understood.',
  http1_header_too_large:
    'The header fields of this request are larger or more than this proxy accepts (limits.headerListSize, limits.headerFields); send less (mostly it is cookies), or raise the limit.',
  http1_headers_timeout: 'The header of this request did not end in time (limits.headerTimeout).',
};

export function sentenceForClient(token: RefusalToken): string {
  return FOR_THE_CLIENT[token] ?? SENTENCES[token];
}

export function diagnoseRefusal(token: RefusalToken): Diagnosis {
  return { token, sentence: SENTENCES[token] };
}
