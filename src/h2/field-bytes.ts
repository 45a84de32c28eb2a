// Which bytes field names and values may contain (RFC 9113 section 8.2.1, RFC 9110 sections 5.5 and 5.6.2), and which names are
// not allowed in HTTP/2.

const TAB = 0x09;
const SPACE = 0x20;
const DELETE = 0x7f;

/** Connection-specific fields, which HTTP/2 does not allow (section 8.2.2). */
export const CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** Fields that describe one connection and are never forwarded (RFC 9110 section 7.6.1, RFC 7540 section 3.2.1). */
export const OF_ONE_CONNECTION: ReadonlySet<string> = new Set([...CONNECTION_SPECIFIC, 'http2-settings']);

/** Whether the name consists of tchar characters (RFC 9110 section 5.6.2) without upper-case letters. */
export function isFieldName(name: string): boolean {
  if (name.length === 0) return false;
  for (let index = 0; index < name.length; index++) {
    if (FIELD_NAME_BYTES[name.charCodeAt(index)] === 0) return false;
  }
  return true;
}

/** Whether the value has no control characters other than tab. Bytes above 0x7f are allowed. */
export function isFieldValue(value: string): boolean {
  for (let index = 0; index < value.length; index++) {
    const byte = value.charCodeAt(index);
    if (byte < SPACE ? byte !== TAB : byte === DELETE) return false;
  }
  return true;
}

/** As isFieldValue, but bytes above 0x7f are not allowed. Nearly all values pass this check. */
export function isAsciiValue(value: string): boolean {
  for (let index = 0; index < value.length; index++) {
    const byte = value.charCodeAt(index);
    if (byte < SPACE ? byte !== TAB : byte >= DELETE) return false;
  }
  return true;
}

/** As isAsciiValue, for a value that is still in its block. White space at either end is not allowed. */
export function isStrictValue(block: Buffer, start: number, end: number): boolean {
  if (start === end) return true;
  if (isWhiteSpace(block[start]) || isWhiteSpace(block[end - 1])) return false;
  for (let position = start; position < end; position++) {
    const byte = block[position];
    if (byte < SPACE ? byte !== TAB : byte >= DELETE) return false;
  }
  return true;
}

export function isWhiteSpace(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}

/** 1 for each byte that a field name may contain. */
const FIELD_NAME_BYTES: Uint8Array = (() => {
  const bytes = new Uint8Array(256);
  for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
    bytes[character.charCodeAt(0)] = 1;
  return bytes;
})();
