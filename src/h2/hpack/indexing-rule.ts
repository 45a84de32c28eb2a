// Which fields may enter the encoder's dynamic table, and which must stay out of every table on their way (RFC 7541 section
// 7.1.3). The connection may carry the calls of many clients, and its table is worth most when it seldom changes.

/** The field is inserted when it repeats. */
export const INDEX = 0;
/** The field is sent as a literal and never inserted by us. */
export const DO_NOT_INDEX = 1;
/** The field is sent as a literal that no hop may insert, so that its value cannot be guessed by watching sizes. */
export const NEVER_INDEX = 2;

export type IndexingRule = typeof INDEX | typeof DO_NOT_INDEX | typeof NEVER_INDEX;

/** Shorter cookies can be guessed byte by byte (RFC 7541 section 7.1.3; nghttp2 uses the same limit). */
const GUESSABLE_COOKIE_LENGTH = 20;

const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization']);

const COOKIES: ReadonlySet<string> = new Set(['cookie', 'set-cookie']);

/** Fields whose values change with each call, second or object. */
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
  // Binary metadata of gRPC holds trace contexts, status details and tokens.
  return name.endsWith('-bin') ? DO_NOT_INDEX : INDEX;
}

/** Whether no hop may put the field into a table, so that nobody can guess its value there (RFC 7541 section 7.1.3). */
export function isNeverIndexed(name: string, value: string): boolean {
  return indexingRule(name, value) === NEVER_INDEX;
}
