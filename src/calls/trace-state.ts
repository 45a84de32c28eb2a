// The list that a tracestate must be (W3C Trace Context section 3.3.1): members KEY=VALUE, separated by commas. Each call that has one is
// looked at, so nothing is allocated.

const MOST_MEMBERS = 32;
const MOST_KEY = 256;
const MOST_VALUE = 256;
const SPACE = 0x20;
const TAB = 0x09;
const COMMA = 0x2c;
const EQUALS = 0x3d;
const TILDE = 0x7e;

/** Whether every member can be read. Empty ones are allowed. Of two members with the same key both stay, as W3C allows. */
export function isTraceState(text: string): boolean {
  let members = 0;
  for (let at = 0; at <= text.length; at++) {
    let comma = text.indexOf(',', at);
    if (comma === -1) comma = text.length;
    const start = skipBlanks(text, at, comma);
    const end = endBeforeBlanks(text, start, comma);
    if (start < end && (++members > MOST_MEMBERS || !isMember(text, start, end))) return false;
    at = comma;
  }
  return true;
}

function skipBlanks(text: string, start: number, end: number): number {
  let at = start;
  while (at < end && isBlank(text.charCodeAt(at))) at++;
  return at;
}

function endBeforeBlanks(text: string, start: number, end: number): number {
  let at = end;
  while (at > start && isBlank(text.charCodeAt(at - 1))) at--;
  return at;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

function isMember(text: string, start: number, end: number): boolean {
  const equals = text.indexOf('=', start);
  if (equals <= start || equals >= end - 1) return false;
  if (equals - start > MOST_KEY || end - equals - 1 > MOST_VALUE) return false;
  if (!isLowerOrDigit(text.charCodeAt(start))) return false;
  for (let at = start + 1; at < equals; at++) if (!isOfKey(text.charCodeAt(at))) return false;
  for (let at = equals + 1; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code < SPACE || code > TILDE || code === COMMA || code === EQUALS) return false;
  }
  return true;
}

function isLowerOrDigit(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39);
}

/** Beside letters and digits: `_`, `-`, `*`, `/`, and the `@` between a tenant and its system. */
function isOfKey(code: number): boolean {
  return (
    isLowerOrDigit(code) || code === 0x5f || code === 0x2d || code === 0x2a || code === 0x2f || code === 0x40
  );
}
