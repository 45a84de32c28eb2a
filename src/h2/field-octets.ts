// Which octets names and values of fields may hold (RFC 9113 section 8.2.1, RFC 9110 sections 5.5 and 5.6.2), and which names have
// no place in HTTP/2.

const TAB = 0x09;
const SPACE = 0x20;
const DELETE = 0x7f;

/** Connection-specific fields have no place in HTTP/2 (section 8.2.2). */
export const CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** What describes one connection, and is never passed on (RFC 9110 section 7.6.1, RFC 7540 section 3.2.1). */
export const OF_ONE_CONNECTION: ReadonlySet<string> = new Set([...CONNECTION_SPECIFIC, 'http2-settings']);

/** Lower-case tchar. */
export function isFieldName(name: string): boolean {
  if (name.length === 0) return false;
  for (let index = 0; index < name.length; index++) {
    if (FIELD_NAME_OCTETS[name.charCodeAt(index)] === 0) return false;
  }
  return true;
}

/** No NUL, CR, LF and no other control character; bytes beyond ASCII are allowed. */
export function isFieldValue(value: string): boolean {
  for (let index = 0; index < value.length; index++) {
    const octet = value.charCodeAt(index);
    if (octet < SPACE ? octet !== TAB : octet === DELETE) return false;
  }
  return true;
}

/** The same, and no bytes beyond ASCII: what nearly all values are. */
export function isAsciiValue(value: string): boolean {
  for (let index = 0; index < value.length; index++) {
    const octet = value.charCodeAt(index);
    if (octet < SPACE ? octet !== TAB : octet >= DELETE) return false;
  }
  return true;
}

/** Whether a value that is still bytes is of ASCII, with no white space at its ends either. */
export function isStrictValue(block: Buffer, start: number, end: number): boolean {
  if (start === end) return true;
  if (isWhiteSpace(block[start]) || isWhiteSpace(block[end - 1])) return false;
  for (let position = start; position < end; position++) {
    const octet = block[position];
    if (octet < SPACE ? octet !== TAB : octet >= DELETE) return false;
  }
  return true;
}

export function isWhiteSpace(octet: number): boolean {
  return octet === SPACE || octet === TAB;
}

/** 1 for each octet a field name may hold. */
const FIELD_NAME_OCTETS: Uint8Array = (() => {
  const octets = new Uint8Array(256);
  for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
    octets[character.charCodeAt(0)] = 1;
  return octets;
})();
