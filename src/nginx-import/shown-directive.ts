// Decides how the report shows a directive. The words of most directives may contain a secret (a password in a header field, a token in a
// condition), so only words that cannot are shown.

import { visibleText } from '../config/visible-text.ts';
import { allDirectives, type Directive } from './directive.ts';
import { isKnown } from './known-directives.ts';
import { patternOf } from './location-pattern.ts';

/** Of these all words are shown: names of files, addresses, sizes, times and switches. Each is named in full, as nobody knows what else fits a pattern. */
const OPEN = namesOf(`
  listen upstream include zone keepalive keepalive_timeout keepalive_requests keepalive_time keepalive_disable keepalive_min_timeout
  client_max_body_size client_body_buffer_size client_body_in_file_only client_body_in_single_buffer client_body_temp_path client_body_timeout
  client_header_buffer_size client_header_timeout large_client_header_buffers send_timeout lingering_close lingering_time lingering_timeout
  worker_processes worker_connections worker_rlimit_nofile worker_rlimit_core worker_cpu_affinity worker_priority worker_shutdown_timeout
  worker_aio_requests user pid load_module sendfile tcp_nopush tcp_nodelay output_buffers default_type server_tokens types_hash_max_size
  types_hash_bucket_size root alias index internal stub_status resolver resolver_timeout
  ssl_protocols ssl_verify_client ssl_verify_depth ssl_certificate ssl_client_certificate ssl_crl ssl_reject_handshake ssl_session_timeout
  ssl_handshake_timeout ssl_buffer_size
  http2 http2_max_concurrent_streams http2_max_field_size http2_max_header_size http2_max_requests http2_chunk_size http2_idle_timeout
  http2_recv_timeout http2_recv_buffer_size http2_body_preread_size http2_streams_index_size http2_push http2_push_preload http3
  gzip gzip_buffers gzip_comp_level gzip_disable gzip_http_version gzip_min_length gzip_proxied gzip_static gzip_types gzip_vary
  least_conn ip_hash random allow deny satisfy limit_req limit_conn limit_rate limit_rate_after set_real_ip_from real_ip_header real_ip_recursive
  grpc_connect_timeout grpc_read_timeout grpc_send_timeout grpc_buffer_size grpc_next_upstream grpc_next_upstream_timeout
  grpc_next_upstream_tries grpc_ssl_verify grpc_ssl_server_name grpc_ssl_trusted_certificate
  proxy_connect_timeout proxy_read_timeout proxy_send_timeout proxy_buffering proxy_request_buffering proxy_buffers proxy_buffer_size
  proxy_busy_buffers_size proxy_next_upstream proxy_next_upstream_timeout proxy_next_upstream_tries proxy_ssl_verify proxy_ssl_server_name
  proxy_ssl_trusted_certificate proxy_http_version`);
/** Of these the first word, which is a name or a number. */
const FIRST = namesOf(`
  grpc_set_header proxy_set_header add_header add_trailer grpc_hide_header grpc_pass_header proxy_hide_header proxy_pass_header
  grpc_intercept_errors proxy_intercept_errors set log_format`);
/** Of these the first word, which is a text with variables: a key, of which a part may be a salt. */
const KEYED = namesOf('map geo split_clients hash');
/** Nothing but variables and what stands between two of them. */
const VARIABLES = /^(?:\$(?:\w+|\{\w+\})[-|:/ ]?)+$/;
/** What a name of a directive, or of a variable in its place, looks like. */
const NAME = /^\$?[a-z][a-z0-9_]*$/;

const LONGEST = 100;

/** @param isStrange whether it stands in a block that is not known, where a name that is known may mean anything */
export function showDirective(directive: Directive, isStrange: boolean): string {
  const { block } = directive;
  const words = isStrange ? directive.words.slice(0, 1).map(() => '…') : shownWords(directive);
  const text = visibleText([shownName(directive), ...words].join(' '));
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return block === undefined ? cut : `${cut} { }`;
}

/** @returns what stands in blocks that are not known. @param all blocks before what they hold */
export function strangeOnes(all: readonly Directive[]): ReadonlySet<Directive> {
  const strange = new Set<Directive>();
  for (const directive of all)
    if (directive.block !== undefined && !isKnown(directive.name) && !strange.has(directive))
      for (const inner of allDirectives(directive.block)) strange.add(inner);
  return strange;
}

/** The block of a module that is not known may list anything: a key of a table is no name of a directive. */
export function shownName({ name }: Directive): string {
  return NAME.test(name) || isKnown(name) ? name : '…';
}

function shownWords(directive: Directive): readonly string[] {
  const { name, words } = directive;
  if (name === 'server' && directive.block === undefined) return words.map(shownParameter);
  if (/^(grpc|proxy)_pass$/.test(name))
    return words.map((word) => withoutPassword(word).replace(/\?.*/s, '?…'));
  if (name === 'location') return shownPattern(directive);
  if (name === 'server_name') return words.map((word) => (word.startsWith('~') ? '~…' : word));
  if (/^(error_page|try_files)$/.test(name)) return words.map((word) => word.replace(/\?.*/s, '?…'));
  if (OPEN.has(name)) return words;
  if (words.length === 0) return [];
  const [first, ...others] = words;
  if (name.startsWith('auth_')) return [first === 'off' ? first : '…'];
  if (/^limit_(req|conn)_zone$/.test(name)) return [VARIABLES.test(first) ? first : '…', ...others];
  if (!isFirstShown(name, first)) return ['…'];
  return words.length === 1 ? [first] : [first, '…'];
}

function isFirstShown(name: string, first: string): boolean {
  if (KEYED.has(name)) return VARIABLES.test(first);
  // A URL may hold a token.
  if (name === 'return') return /^\d+$/.test(first);
  return name === 'mirror' ? !first.includes('?') : FIRST.has(name);
}

/** Paths stand in the output. An expression of which no paths can be made does not, and it may list the tokens of a webhook. */
function shownPattern(directive: Directive): readonly string[] {
  const { kind, paths } = patternOf(directive);
  if (kind !== 'regex' || paths !== undefined) return directive.words;
  return [directive.words[0].startsWith('~*') ? '~*' : '~', '…'];
}

/** A name and a password may hold any character, `@`, `/` and `?` among them, so all before the last `@` goes. */
function withoutPassword(target: string): string {
  return target.replace(/^([a-z]+:\/\/)?.*@/is, '$1…@');
}

function namesOf(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}

/** Of a server of an upstream block: its address, and the parameters that are numbers, times and switches. */
function shownParameter(word: string, index: number): string {
  if (index === 0) return withoutPassword(word);
  const [name] = word.split('=', 1);
  if (/^(weight|max_fails|fail_timeout|max_conns|slow_start|service|resolve|backup|down|drain)$/.test(name))
    return word;
  return name === word ? '…' : `${name}=…`;
}
