// Recognises a client's protocol by the first bytes it sends. The function is pure and consumes nothing.
// It needs at most 24 bytes and never returns 'need-more' for that many.

export type FirstBytes =
  /** The complete client connection preface (RFC 9113 section 3.4). */
  | 'http2'
  /** A TLS handshake record, which holds a ClientHello. */
  | 'tls'
  /** A method token, followed by a space (RFC 9112 section 3). */
  | 'http1'
  /** The PROXY protocol: version 1 is a line of text, version 2 a binary header. */
  | 'proxy-v1'
  | 'proxy-v2'
  | 'unknown'
  /** The bytes so far fit several of these. */
  | 'need-more';

const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const PROXY_V1 = Buffer.from('PROXY ', 'latin1');
const PROXY_V2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

export const FIRST_BYTES_MAX = HTTP2_PREFACE.length;

const TLS_HANDSHAKE_RECORD = 0x16;
const TLS_MAJOR_VERSION = 3;
const TLS_HIGHEST_MINOR_VERSION = 4;

export function classifyFirstBytes(bytes: Buffer): FirstBytes {
  if (bytes.length === 0) return 'need-more';
  if (bytes[0] === TLS_HANDSHAKE_RECORD) return classifyTls(bytes);
  if (bytes[0] === PROXY_V2[0]) {
    return classifyLiteral(bytes, PROXY_V2, 'proxy-v2') ?? classifyBehindEmptyLines(bytes);
  }
  return (
    classifyLiteral(bytes, HTTP2_PREFACE, 'http2') ??
    classifyLiteral(bytes, PROXY_V1, 'proxy-v1') ??
    classifyMethod(bytes)
  );
}

/** @returns `kind` if the bytes begin with the literal, 'need-more' for a proper prefix of it, undefined if they differ */
function classifyLiteral(bytes: Buffer, literal: Buffer, kind: FirstBytes): FirstBytes | undefined {
  const length = Math.min(bytes.length, literal.length);
  if (bytes.compare(literal, 0, length, 0, length) !== 0) return undefined;
  return length === literal.length ? kind : 'need-more';
}

/** Accepts content type 22 with a legacy_record_version of 3.0 to 3.4 (RFC 8446 section 5.1). */
function classifyTls(bytes: Buffer): FirstBytes {
  if (bytes.length > 1 && bytes[1] !== TLS_MAJOR_VERSION) return 'unknown';
  if (bytes.length < 3) return 'need-more';
  return bytes[2] <= TLS_HIGHEST_MINOR_VERSION ? 'tls' : 'unknown';
}

/** Accepts any token before a space (RFC 9110 section 9.1) except PRI, which is reserved for HTTP/2 (RFC 9113 section 11.6). */
function classifyMethod(bytes: Buffer): FirstBytes {
  const length = Math.min(bytes.length, FIRST_BYTES_MAX);
  for (let index = 0; index < length; index += 1) {
    const code = bytes[index];
    if (code === 0x20) return index === 0 || isPri(bytes, index) ? 'unknown' : 'http1';
    if (!isTokenCharacter(code)) return 'unknown';
  }
  return bytes.length < FIRST_BYTES_MAX ? 'need-more' : 'unknown';
}

/** Looks for a method after empty lines, because servers ignore empty lines before a request (RFC 9112 section 2.2). */
function classifyBehindEmptyLines(bytes: Buffer): FirstBytes {
  const first = bytes.subarray(0, FIRST_BYTES_MAX);
  let start = 0;
  while (first[start] === CR && first[start + 1] === LF) start += 2;
  const mayGoOn = first.length < FIRST_BYTES_MAX;
  if (start === first.length || (first[start] === CR && start + 1 === first.length)) {
    return mayGoOn ? 'need-more' : 'unknown';
  }
  const kind = classifyMethod(first.subarray(start));
  return kind === 'need-more' && !mayGoOn ? 'unknown' : kind;
}

function isPri(bytes: Buffer, length: number): boolean {
  return length === 3 && bytes[0] === 0x50 && bytes[1] === 0x52 && bytes[2] === 0x49;
}

/** Whether the character is a tchar (RFC 9110 section 5.6.2). */
function isTokenCharacter(code: number): boolean {
  return TOKEN_CHARACTERS.includes(String.fromCharCode(code));
}

const CR = 0x0d;
const LF = 0x0a;
const TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
