// Decides how the report shows a directive. The words of most directives may contain a secret (a password in a header field, a token in a
// condition), so only words that cannot are shown.

import { visibleText } from '../config/visible-text.ts';
import { type Directive } from './directive.ts';
import { patternOf } from './location-pattern.ts';

/** Of these all words are shown. */
const OPEN =
  /^(listen|upstream|include|keepalive.*|client_.*|send_timeout|worker_.*|.*_timeout|.*_buffer.*|.*_buffering|ssl_protocols|ssl_verify.*|ssl_(client_)?certificate|ssl_crl|ssl_reject_handshake|http2.*|http3|gzip.*|least_conn|ip_hash|random|zone|allow|deny|satisfy|internal|limit_(req|conn)|limit_(req|conn)_zone|set_real_ip_from|real_ip_header|real_ip_recursive|.*_next_upstream.*|.*_ssl_(verify|server_name|trusted_certificate)|large_client_header_buffers|sendfile|tcp_.*|default_type|server_tokens|types_hash_.*|root|alias|index|resolver|proxy_http_version|stub_status|load_module|user|pid|keepalive)$/;
/** Of these the first word, which is a name or a number. */
const FIRST =
  /^(.*_set_header|add_header|add_trailer|.*_(hide|pass)_header|set|return|map|geo|split_clients|hash|log_format|.*_intercept_errors|mirror)$/;

const LONGEST = 100;

export function showDirective(directive: Directive): string {
  const { name, block } = directive;
  const words = shownWords(directive);
  const text = visibleText([name, ...words].join(' '));
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return block === undefined ? cut : `${cut} { }`;
}

function shownWords(directive: Directive): readonly string[] {
  const { name, words } = directive;
  if (name === 'server' && directive.block === undefined) return words.map(withoutPassword);
  if (/^(grpc|proxy)_pass$/.test(name))
    return words.map((word) => withoutPassword(word).replace(/\?.*/s, '?…'));
  if (name === 'location') return shownPattern(directive);
  if (name === 'server_name') return words.map((word) => (word.startsWith('~') ? '~…' : word));
  if (/^(error_page|try_files)$/.test(name)) return words.map((word) => word.replace(/\?.*/s, '?…'));
  if (OPEN.test(name)) return words;
  if (words.length === 0) return [];
  const [first] = words;
  if (name.startsWith('auth_')) return [first === 'off' ? first : '…'];
  // A URL of `return` may hold a token.
  if (FIRST.test(name) && (name !== 'return' || /^\d+$/.test(first)))
    return words.length === 1 ? [first] : [first, '…'];
  return ['…'];
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
