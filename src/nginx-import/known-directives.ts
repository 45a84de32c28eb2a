// Directives of nginx that have the same verdict wherever they are written. Most have nothing to set in Framegate, because what they tune
// does not exist or needs no tuning.

/** Each line holds names, then the note. `*` at the end of a name stands for any rest. */
const CHANGED = `
  events use multi_accept accept_mutex* epoll_* worker_aio_requests | nothing to set: Node waits for sockets in the way of each system
  worker_connections worker_rlimit_nofile | nothing to set: limits.connections follows the open files that the process may have, and the log says how many that is
  worker_cpu_affinity worker_priority worker_rlimit_core debug_points timer_resolution thread_pool pcre_jit | nothing to set, or the service manager's (systemd has CPUAffinity=, Nice=, LimitCORE=)
  user pid daemon master_process lock_file working_directory env | the service manager decides that: User=, WorkingDirectory=, Environment= of a systemd unit
  load_module | there are no modules: what their directives did is said where they stand
  sendfile* tcp_nopush tcp_nodelay aio* directio* output_buffers postpone_output read_ahead reset_timedout_connection lingering_* send_lowat subrequest_output_buffer_size request_pool_size connection_pool_size keepalive_disable keepalive_min_timeout msie_* | nothing to set: frames go out as they come
  types types_hash_* default_type charset* override_charset source_charset | nothing to set: the services say the type of what they send
  server_tokens | nothing to set: Framegate does not say its version
  server_names_hash_* variables_hash_* map_hash_* proxy_headers_hash_* optimize_server_names | nothing to set: tables grow by themselves
  open_file_cache* log_not_found log_subrequest open_log_file_cache | nothing to set: no files are served
  debug_connection degradation degrade google_perftools_profiles ssl_engine ssl_key_log ssl_certificate_cache ssl_object_cache_inheritable referer_hash_* grpc_headers_hash_* max_headers early_hints disable_symlinks recursive_error_pages postpone_gzipping test_types_hash_* proxy_force_ranges proxy_send_lowat spdy_* | nothing to set
  log_format | records of calls are JSON lines with fixed fields: see docs/access-log.md
  ignore_invalid_headers underscores_in_headers | nothing to set: header fields are passed on if HTTP/2 allows them, with underscores too
  merge_slashes absolute_redirect port_in_redirect server_name_in_redirect | nothing to set: paths are passed on as they are, and redirects have whole addresses
  if_modified_since etag chunked_transfer_encoding max_ranges | nothing to set: what the service sends is passed on
  client_max_body_size limit_rate limit_rate_after | left out: no route is made of the place where it stands
  client_body_buffer_size client_body_in_* client_body_temp_path client_header_buffer_size client_body_timeout | left out: nothing of a body is kept but a window (limits.streamWindow), and it may be silent
  send_timeout | left out: a client that takes nothing for limits.stallTimeout (30 s) is disconnected, one that is only silent is not
  keepalive_timeout keepalive_requests keepalive | left out: connections may be idle, and carry as many calls as they like
  zone | left out: workers need no memory in common; each counts for itself
  http2 http2_recv_* http2_idle_timeout http2_max_field_size http2_max_header_size http2_max_requests http2_chunk_size http2_body_preread_size http2_streams_index_size http2_push* http2_pool_size http2_max_concurrent_pushes | nothing to set: HTTP/2 and HTTP/1.1 are served on every port, told apart by ALPN or the first bytes
  ssl | TLS is listeners[].tls
  ssl_ciphers ssl_prefer_server_ciphers ssl_ecdh_curve ssl_dhparam ssl_conf_command | left out: the suites are fixed, as RFC 9113 wants them: forward secrecy and authenticated encryption alone
  ssl_session_* ssl_buffer_size ssl_handshake_timeout ssl_early_data | nothing to set: sessions are resumed by tickets, whose keys change by themselves; there are no early data, which could be played again
  ssl_protocols | left out: the versions of the default server of a port count, in nginx too, as they are agreed on before the name is known
  ssl_verify_depth | nothing to set: chains of any sensible length are verified
  ssl_stapling_verify ssl_stapling_responder | left out: OCSP responses come from files, and are checked as they are read
  resolver resolver_timeout | left out: names are looked up when they are dialled, in /etc/hosts and at the servers of /etc/resolv.conf
  real_ip_recursive | nothing to set: every address in the field is passed on
  grpc_buffer_size proxy_buffer* proxy_busy_buffers_size proxy_request_buffering proxy_max_temp_file_size proxy_temp_* | nothing to set: nothing is buffered but a window, and each message goes on at once
  proxy_http_version | nothing to set: services are spoken to by upstreams.NAME.protocol
  grpc_read_timeout grpc_send_timeout proxy_read_timeout proxy_send_timeout | left out: calls may be silent as long as they like
  grpc_socket_keepalive proxy_socket_keepalive | nothing to set: TCP keepalive is on, and silent endpoints are asked (upstreams.NAME.keepalive)
  grpc_intercept_errors proxy_intercept_errors | left out: what a service answers is passed on as it is
  grpc_ignore_headers proxy_ignore_headers proxy_ignore_client_abort | nothing to set: the services' header fields have no effect here, and a client that goes ends its call
  grpc_pass_request_headers proxy_pass_request_headers proxy_pass_request_body | nothing to set: all is passed on
  grpc_ssl_server_name proxy_ssl_server_name | nothing to set: SNI is always sent
  grpc_ssl_protocols grpc_ssl_ciphers grpc_ssl_session_reuse grpc_ssl_conf_command grpc_ssl_verify_depth proxy_ssl_protocols proxy_ssl_ciphers proxy_ssl_session_reuse proxy_ssl_conf_command proxy_ssl_verify_depth | nothing to set: TLS 1.2 and 1.3 with the suites of RFC 9113
  grpc_ssl_* proxy_ssl_* | left out: no route speaks TLS to its service
  grpc_connect_timeout proxy_connect_timeout grpc_next_upstream* proxy_next_upstream* grpc_set_header proxy_set_header | left out: no route is made of a location that has it
  grpc_pass proxy_pass | left out with its location
  grpc_pass_header proxy_pass_header proxy_pass_trailers | nothing to set: all fields and trailers of services are passed on
  proxy_redirect proxy_cookie_* | nothing to set: Location and Set-Cookie are passed on as they are
  variables_hash_max_size rewrite_log uninitialized_variable_warn | nothing to set: there are no variables
  limit_req_status limit_conn_status | nothing to set: a call beyond a limit gets RESOURCE_EXHAUSTED, and HTTP 429 outside of gRPC, whatever this says (nginx: 503 by default)
  log limit_req_log_level limit_req_dry_run limit_conn_log_level limit_conn_dry_run | goes with its limit
  stub_status | the admin server has /metrics`;

const UNSUPPORTED = `
  gzip gzip_* gunzip* brotli* zstd* | messages are passed on as they are, compressed by the service or not
  proxy_cache* fastcgi_* uwsgi_* scgi_* memcached_* slice proxy_store* proxy_no_cache | there is no cache, and services speak gRPC or HTTP: keep nginx in front of them for these
  expires | times are not computed here: let the service send Cache-Control and Expires
  proxy_set_body proxy_method | requests are passed on as they are
  proxy_hide_header grpc_hide_header add_trailer add_header | no route is made of the place where it stands
  proxy_bind grpc_bind | services are dialled from the address that the system chooses
  proxy_limit_rate | how fast services are read is not limited: limits with count: bytes and direction: response pace what clients get (docs/stream-limits.md)
  error_page | errors are answered by Framegate, in gRPC, HTTP or TLS, with a sentence that says what is wrong; there are no pages of your own
  root alias index empty_gif try_files autoindex* random_index | no files are served: let a service with protocol: http1 do it
  rewrite | of rewriting this version has stripPrefix, which takes a whole prefix away
  set map map_* geo geoip* split_clients userid* break | there are no variables; calls are told apart by match.headers, and split by routes[].split
  stream mail | HTTP is the only protocol: keep nginx, or a TCP load balancer, for these
  mirror* | calls are not copied by this version
  sub_filter* addition_* add_after_body add_before_body ssi* image_filter* xslt* dav_* create_full_put_path min_delete_depth mp4* flv* f4f* hls* | there are no plug-ins, and bodies are not changed
  perl_modules perl_require perl_set js_import js_include js_path js_var js_set js_preload_object js_engine js_fetch_* js_body_filter js_shared_dict_zone lua_* init_by_lua* init_worker_by_lua* exit_worker_by_lua* set_by_lua* body_filter_by_lua* log_by_lua* | there are no plug-ins
  more_set_headers more_clear_headers more_set_input_headers more_clear_input_headers | import does not write this: routes[].headers sets, adds and removes fields
  echo* vhost_traffic_status* | there is no such module: metrics are on the admin server, and responses are made by services
  ancient_browser* modern_browser* | there are no variables; calls are told apart by match.headers
  post_action | nothing is called after a call
  opentracing* opentelemetry* otel_* zipkin* | write trace at the top of the file; see docs/tracing.md
  ssl_stapling | OCSP responses come from files: listeners[].tls.certificates[].ocsp
  ssl_trusted_certificate ssl_stapling_file | OCSP responses come from one file for each certificate: listeners[].tls.certificates[].ocsp
  ssl_password_file | keys are not encrypted: openssl pkey -in FILE -out FILE
  ssl_certificate ssl_certificate_key | no listener with TLS uses it
  ssl_reject_handshake | no listener with TLS uses it
  grpc_ssl_crl proxy_ssl_crl grpc_ssl_password_file proxy_ssl_password_file | lists of revoked certificates and encrypted keys are not read here
  sticky state ntlm queue least_time health_check* status_zone match api keyval* | upstreams have balance, hash, health and outliers instead
  set_real_ip_from real_ip_header | nothing that is carried over uses it
  http3* quic_* | HTTP/3 is not served
  limit_except | methods of HTTP are not told apart`;

/** Those that other parts translate, and that decide about nobody's access by themselves. */
const TRANSLATED = new Set(
  (
    'http server location upstream include listen server_name return if hash ip_hash least_conn random ' +
    'grpc_pass proxy_pass grpcs_pass https_pass http_pass worker_processes worker_shutdown_timeout keepalive_time ' +
    'http2_max_concurrent_streams large_client_header_buffers client_header_timeout access_log error_log'
  ).split(' '),
);

export interface Row {
  readonly verdict: 'changed' | 'unsupported';
  readonly note: string;
}

const exact = new Map<string, Row>();
const patterns: (readonly [RegExp, Row])[] = [];

for (const [verdict, table] of [
  ['changed', CHANGED],
  ['unsupported', UNSUPPORTED],
] as const) {
  for (const line of table.trim().split('\n')) {
    const [names, note] = line.split(' | ').map((part) => part.trim());
    for (const name of names.split(' ')) {
      if (name.includes('*'))
        patterns.push([new RegExp(`^${name.replaceAll('*', '\\w*')}$`), { verdict, note }]);
      else exact.set(name, { verdict, note });
    }
  }
}

export function rowOf(name: string): Row | undefined {
  return exact.get(name) ?? patterns.find(([pattern]) => pattern.test(name))?.[1];
}

/** Whether it is known what a directive does. What a module of somebody else does may be anything. */
export function isKnown(name: string): boolean {
  return TRANSLATED.has(name) || rowOf(name) !== undefined;
}
