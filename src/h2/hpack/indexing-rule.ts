// Which fields may enter the encoder's dynamic table, and which must stay out of every table on the way
// (RFC 7541 section 7.1.3). The table serves many clients at once and is worth most when it seldom changes.

/** Inserted when it repeats. */
export const INDEX = 0;
/** Sent as a literal, never inserted by us. */
export const DO_NOT_INDEX = 1;
/** Sent as a literal that no hop may insert, so that nobody can guess it by watching sizes. */
export const NEVER_INDEX = 2;

export type IndexingRule = typeof INDEX | typeof DO_NOT_INDEX | typeof NEVER_INDEX;

/** Shorter ones can be guessed octet by octet (RFC 7541 section 7.1.3; nghttp2 draws the same line). */
const GUESSABLE_COOKIE_LENGTH = 20;

const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization']);

const COOKIES: ReadonlySet<string> = new Set(['cookie', 'set-cookie']);

/** Their values change with each call, or with each second or object. */
const CHANGING: ReadonlySet<string> = new Set([
  'age',
  'b3',
  'content-length',
  'content-range',
  'date',
  'etag',
  'expires',
  'grpc-timeout',
  'if-modified-since',
  'if-none-match',
  'last-modified',
  'range',
  'traceparent',
  'tracestate',
  'x-amzn-trace-id',
  'x-b3-parentspanid',
  'x-b3-spanid',
  'x-b3-traceid',
  'x-cloud-trace-context',
  'x-correlation-id',
  'x-request-id',
  'x-request-start',
]);

export function indexingRule(name: string, value: string): IndexingRule {
  if (CHANGING.has(name)) return DO_NOT_INDEX;
  if (CREDENTIALS.has(name)) return NEVER_INDEX;
  if (COOKIES.has(name)) return value.length < GUESSABLE_COOKIE_LENGTH ? NEVER_INDEX : DO_NOT_INDEX;
  // Binary metadata of gRPC: trace contexts, status details, tokens.
  return name.endsWith('-bin') ? DO_NOT_INDEX : INDEX;
}
