// The explanations for clients with the wrong protocol: what is wrong, which option of the client's library to change, and, where the
// text is no message of a failure, the code of the page that says more. Each text is ASCII, fits into a grpc-message and contains nothing
// that a client sent.

import { type ClientLibrary, clientLibrary } from './client-library.ts';
import { diagnosisCode } from './codes.ts';
import type { RefusalToken } from './refusal.ts';

/** @param port undefined on a Unix socket */
export function explainPlaintextOnTlsPort(port: number | undefined, userAgent: string | undefined): string {
  const where = port === undefined ? 'This socket' : `Port ${port}`;
  const what = `${where} speaks TLS and this client connected without it.`;
  return `${what} ${USE_TLS[clientLibrary(userAgent)]}`;
}

/**
 * Explains a gRPC call over HTTP/1.1.
 * @param alpn what the client offered by ALPN, which did not include "h2"; it has no meaning without TLS
 */
export function explainMissingAlpn(
  isTls: boolean,
  alpn: 'http/1.1' | 'none',
  userAgent: string | undefined,
): string {
  const library = clientLibrary(userAgent);
  if (!isTls) {
    const what = 'gRPC needs HTTP/2, and this call came over plaintext HTTP/1.1.';
    return withCode(`${what} ${USE_H2C[library] ?? SPEAK_H2C}`, 'http1_grpc');
  }
  const offered = alpn === 'none' ? 'no protocol' : 'only "http/1.1"';
  const what = `gRPC over TLS needs HTTP/2, chosen by ALPN "h2", and this client offered ${offered} by ALPN.`;
  return withCode(`${what} ${USE_ALPN[library] ?? OFFER_H2}`, 'tls_grpc_without_h2');
}

/**
 * Explains, as the body of a 426, why an HTTP/1.1 request that is not gRPC-Web cannot take a route to a gRPC service.
 * @param isConnect whether the request is a call of the Connect protocol, which gRPC services need not support
 * @param servesGrpcWeb whether the route serves gRPC-Web
 */
export function explainHttp1OnGrpcRoute(
  userAgent: string | undefined,
  isConnect = false,
  servesGrpcWeb = false,
): string {
  if (isConnect) {
    const what = 'This is a call of the Connect protocol, and this path is served by a gRPC service.';
    return withCode(
      `${what} ${LEAVE_CONNECT[clientLibrary(userAgent)] ?? SPEAK_GRPC}`,
      'http1_on_grpc_route',
    );
  }
  if (servesGrpcWeb) {
    const what =
      'This path is served by a gRPC service over HTTP/2 and as gRPC-Web, and this request is neither.';
    return withCode(`${what} ${SEND_GRPC_WEB}`, 'http1_on_grpc_route');
  }
  const what = 'This path is served by a gRPC service over HTTP/2, and this request came over HTTP/1.1.';
  return withCode(`${what} ${USE_GRPC[clientLibrary(userAgent)] ?? CALL_BY_GRPC}`, 'http1_on_grpc_route');
}

/** Says what to do about an HTTP/2 request that is not a gRPC call and that the service did not answer with gRPC. */
export function explainHttpOnGrpcRoute(userAgent: string | undefined): string {
  return USE_GRPC[clientLibrary(userAgent)] ?? CALL_BY_GRPC;
}

/** Says what to do about a request that names no host, two hosts or an invalid host. */
export function explainAuthority(userAgent: string | undefined): string {
  return SET_AUTHORITY[clientLibrary(userAgent)] ?? NAME_HOST;
}

function withCode(text: string, token: RefusalToken): string {
  return `${text} (${diagnosisCode(token)})`;
}

const USE_TLS: Readonly<Record<ClientLibrary, string>> = {
  'grpc-python': 'Use grpc.secure_channel(...), not grpc.insecure_channel(...).',
  'grpc-go':
    'Use grpc.WithTransportCredentials(credentials.NewTLS(...)), not grpc.WithTransportCredentials(insecure.NewCredentials()).',
  'grpc-java': 'Build the channel with useTransportSecurity(), not usePlaintext().',
  'grpc-node': 'Use credentials.createSsl(), not credentials.createInsecure().',
  'grpc-c++': 'Use grpc::SslCredentials(...), not grpc::InsecureChannelCredentials().',
  'grpc-dotnet': 'Use an https:// address in GrpcChannel.ForAddress(...), not http://.',
  'grpc-ruby': 'Use GRPC::Core::ChannelCredentials.new, not :this_channel_is_insecure.',
  'grpc-php': 'Use Grpc\\ChannelCredentials::createSsl(), not Grpc\\ChannelCredentials::createInsecure().',
  'grpc-swift': 'Use TLS as the security of the transport, not plaintext (insecure).',
  tonic: 'Use an https:// address and Endpoint::tls_config(ClientTlsConfig::new()), not http://.',
  'connect-go': 'Use an https:// base URL with a client that speaks TLS, not http:// (h2c).',
  'connect-es': 'Use an https:// baseUrl, not http://.',
  grpcurl: 'Call grpcurl without -plaintext.',
  curl: 'Use https:// in the URL, not http://.',
  browser: 'Use https:// in the URL, not http://.',
  unknown: 'Use TLS (secure) channel credentials, not plaintext (insecure) ones.',
};

const MIDDLEBOX = 'something between client and server';

const SPEAK_H2C = `Let the client speak HTTP/2 with prior knowledge (h2c); if it does, ${MIDDLEBOX} changes the protocol.`;
const GRPC_LIBRARY_H2C = `This library speaks HTTP/2 by itself, so ${MIDDLEBOX} (a proxy, a load balancer) changes the protocol: let it pass HTTP/2 on.`;
const USE_H2C: Readonly<Partial<Record<ClientLibrary, string>>> = {
  ...forGrpcLibraries(GRPC_LIBRARY_H2C),
  'connect-go': 'Use a client that speaks plaintext HTTP/2 (h2c) with prior knowledge.',
  'connect-es': 'Set httpVersion: "2" in createGrpcTransport(...).',
  curl: 'Use curl --http2-prior-knowledge.',
};

const OFFER_H2 = `Let the client offer "h2"; if it does, ${MIDDLEBOX} (a proxy, a virus scanner) terminates TLS and takes it away.`;
const GRPC_LIBRARY_ALPN = `This library offers "h2" by itself, so ${MIDDLEBOX} (a proxy, a virus scanner) terminates TLS: let it pass TLS on, or offer "h2".`;
const USE_ALPN: Readonly<Partial<Record<ClientLibrary, string>>> = {
  ...forGrpcLibraries(GRPC_LIBRARY_ALPN),
  'connect-es': 'Set httpVersion: "2" in createGrpcTransport(...).',
  curl: 'Use curl --http2.',
};

const OF_WEB =
  'a website needs protocol: http1 at its upstream, and gRPC-Web in a page needs grpcWeb: true on the route.';
const CALL_BY_GRPC = `Call it with a gRPC client; ${OF_WEB}`;
const USE_GRPC: Readonly<Partial<Record<ClientLibrary, string>>> = {
  curl: `Call it with a gRPC client such as grpcurl; ${OF_WEB}`,
  browser:
    'For a website set protocol: http1 at its upstream; for gRPC-Web in a page set grpcWeb: true on the route.',
};

const SPEAK_GRPC =
  'Let the client speak gRPC over HTTP/2, or gRPC-Web with grpcWeb: true on the route; a service that speaks Connect itself can be an upstream with protocol: http1.';
const LEAVE_CONNECT: Readonly<Partial<Record<ClientLibrary, string>>> = {
  'connect-go':
    'Make the client with connect.WithGRPC() and HTTP/2, or with connect.WithGRPCWeb() and grpcWeb: true on the route.',
  'connect-es':
    'Use createGrpcTransport(...) with httpVersion: "2", or createGrpcWebTransport(...) with grpcWeb: true on the route.',
  browser: 'Use createGrpcWebTransport(...), and set grpcWeb: true on the route.',
};

const SEND_GRPC_WEB =
  'Call it with a gRPC client, or with a gRPC-Web client: POST with the content-type application/grpc-web+proto; a website needs protocol: http1 at its upstream.';

const NAME_HOST = 'Let the client name the host that it calls, once, as host or host:port.';
const CHANNEL_OPTION =
  'Set the channel option grpc.default_authority to a host, and send no host in the metadata.';
const SET_AUTHORITY: Readonly<Partial<Record<ClientLibrary, string>>> = {
  'grpc-python': CHANNEL_OPTION,
  'grpc-c++': CHANNEL_OPTION,
  'grpc-node': CHANNEL_OPTION,
  'grpc-ruby': CHANNEL_OPTION,
  'grpc-php': CHANNEL_OPTION,
  'grpc-go': 'Use grpc.WithAuthority(...) with a host, and send no host in the metadata.',
  'grpc-java': 'Use overrideAuthority(...) with a host, and send no host in the metadata.',
  grpcurl: 'Call grpcurl with -authority and a host.',
};

function forGrpcLibraries(text: string): Readonly<Partial<Record<ClientLibrary, string>>> {
  return {
    'grpc-python': text,
    'grpc-go': text,
    'grpc-java': text,
    'grpc-node': text,
    'grpc-c++': text,
    'grpc-dotnet': text,
    'grpc-ruby': text,
    'grpc-php': text,
    'grpc-swift': text,
    tonic: text,
    grpcurl: text,
  };
}
