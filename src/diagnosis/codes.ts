// The only table of diagnosis codes, which appear in logs, in the admin API and in docs/diagnoses. A code keeps its meaning
// forever and is never reused; new codes go to the end of their group.

import type { RefusalToken } from './refusal.ts';

/** Clients that a listener or the HTTP/1.1 side refused. */
const REFUSED_CLIENTS = {
  plaintext_on_tls_port: 'FG1001',
  http1_on_tls_port: 'FG1002',
  tls_on_plaintext_port: 'FG1003',
  tls_without_h2: 'FG1004',
  tls_grpc_without_h2: 'FG1005',
  http1_grpc: 'FG1006',
  http1_on_grpc_route: 'FG1007',
  grpc_web_origin_refused: 'FG1009',

  websocket_refused: 'FG1012',
  http1_connect: 'FG1013',
  http1_malformed: 'FG1014',
  http1_request_invalid: 'FG1015',
  http1_header_too_large: 'FG1016',
  http1_headers_timeout: 'FG1017',

  tls_version_unsupported: 'FG1021',
  tls_no_shared_cipher: 'FG1022',
  tls_no_shared_alpn: 'FG1023',
  tls_certificate_not_trusted: 'FG1024',
  tls_handshake_timeout: 'FG1025',
  tls_handshake_abandoned: 'FG1026',
  tls_handshake_failed: 'FG1027',
  unknown_server_name: 'FG1028',
  client_certificate_missing: 'FG1029',
  client_certificate_not_trusted: 'FG1030',

  proxy_protocol_not_enabled: 'FG1031',
  proxy_protocol_untrusted: 'FG1032',
  proxy_protocol_missing: 'FG1033',
  proxy_protocol_malformed: 'FG1034',
  proxy_protocol_timeout: 'FG1035',

  unknown_protocol: 'FG1041',
  first_bytes_abandoned: 'FG1042',
  first_bytes_timeout: 'FG1043',
  listener_error: 'FG1044',
  too_many_connections: 'FG1045',
  too_many_connections_of_address: 'FG1046',
  memory_exhausted: 'FG1047',
} as const satisfies Readonly<Record<RefusalToken, `FG1${string}`>>;

/** Endpoints that cannot be reached or that speak another protocol than expected, and stores. */
const UPSTREAMS = {
  upstream_connection_refused: 'FG2001',
  upstream_connection_reset: 'FG2002',
  upstream_connect_timeout: 'FG2003',
  upstream_no_settings: 'FG2004',
  upstream_connections_unused: 'FG2005',
  upstream_name_not_found: 'FG2006',
  upstream_name_lookup_failed: 'FG2007',
  upstream_unreachable: 'FG2008',
  upstream_socket_missing: 'FG2009',
  upstream_not_a_socket: 'FG2010',
  upstream_permission_denied: 'FG2011',
  upstream_too_many_open_files: 'FG2012',
  upstream_connect_failed: 'FG2013',
  upstream_silent: 'FG2014',

  upstream_not_http2_http1: 'FG2021',
  upstream_not_http2_tls: 'FG2022',
  upstream_not_http2_unknown: 'FG2023',
  upstream_http2_violation: 'FG2024',

  upstream_not_tls: 'FG2031',
  upstream_no_h2_alpn: 'FG2032',
  upstream_certificate_not_trusted: 'FG2033',
  upstream_certificate_name_mismatch: 'FG2034',
  upstream_tls_failed: 'FG2035',

  upstream_not_http1: 'FG2041',
  upstream_response_invalid: 'FG2042',
  upstream_died: 'FG2043',

  upstream_name_unresolved: 'FG2051',
  upstream_endpoints_not_set: 'FG2052',

  store_unavailable: 'FG2061',
} as const satisfies Readonly<Record<string, `FG2${string}`>>;

/** Calls that the proxy refused or ended itself. */
const CALLS = {
  no_route: 'FG3001',
  connect_unsupported: 'FG3002',
  timeout_malformed: 'FG3003',
  request_headers_too_large: 'FG3004',
  deadline_exceeded: 'FG3005',
  draining: 'FG3006',
  upstream_queue_full: 'FG3007',
  upstream_closed: 'FG3008',
  client_stalled: 'FG3009',
  grpc_web_text_malformed: 'FG3010',

  upstream_connection_lost: 'FG3011',
  upstream_protocol_error: 'FG3012',
  upstream_headers_too_large: 'FG3013',
  upstream_no_grpc_status: 'FG3014',
  upstream_not_grpc: 'FG3015',
  memory_pressure: 'FG3016',
  too_many_cancelled_calls: 'FG3017',
  too_many_faulty_calls: 'FG3018',
  idle_gave_way: 'FG3019',

  authority_invalid: 'FG3021',
  path_invalid: 'FG3022',
  request_headers_above_upstream: 'FG3023',
  response_headers_above_client: 'FG3024',
  upstream_refused_http: 'FG3025',
  field_invalid: 'FG3026',
  policy_unanswered: 'FG3027',
  attempt_timeout: 'FG3028',
  request_idle: 'FG3029',
  response_idle: 'FG3030',
  stream_too_old: 'FG3031',
  stream_rebalanced: 'FG3032',
  upstream_streams_full: 'FG3033',
  credentials_missing: 'FG3034',
  credentials_invalid: 'FG3035',
  credentials_expired: 'FG3036',
  verification_limited: 'FG3037',
  keys_unavailable: 'FG3038',
  access_denied: 'FG3039',
  call_limit: 'FG3040',
  authorization_denied: 'FG3044',
  authorizer_unavailable: 'FG3045',
  fault_injected: 'FG3046',
  limit_service_unavailable: 'FG3047',
  limit_store_unavailable: 'FG3048',
  content_type_refused: 'FG3049',
  message_limit: 'FG3041',
  byte_limit: 'FG3042',
  message_too_large: 'FG3043',
} as const satisfies Readonly<Record<string, `FG3${string}`>>;

const ALL = { ...REFUSED_CLIENTS, ...UPSTREAMS, ...CALLS } as const;

export type DiagnosisToken = keyof typeof ALL;
export type DiagnosisCode = (typeof ALL)[DiagnosisToken];

/** Maps the token of every diagnosis to its code, in the order of the catalogue. */
export const diagnosisCodes: ReadonlyMap<string, DiagnosisCode> = new Map(Object.entries(ALL));

/** @returns '' for a token that has no code, such as the token of an HTTP/2 protocol violation */
export function diagnosisCode(token: string): DiagnosisCode | '' {
  return diagnosisCodes.get(token) ?? '';
}
