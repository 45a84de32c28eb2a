// Writes the head of a request to an HTTP/1.1 service, or finds that HTTP/1.1 cannot express it. Every character is one byte, so bytes are
// sent on unchanged.

import { isPrintable, isToken } from '../../calls/http1-fields.ts';
import type { OutgoingHead } from './request-fields.ts';

/** What is common to all requests with the same head. */
export interface EncodedHead {
  /** Request line and fields, each with its end of line. */
  readonly bytes: Buffer;
  /** The head names options in a Connection field of its own. */
  readonly hasConnection: boolean;
}

/**
 * Methods with small letters are refused: methods are case-sensitive (RFC 9110 section 9.1), but some services compare them otherwise, and
 * would serve what a rule about the method meant to refuse.
 */
const METHOD = /^[!#$%&'*+.^_`|~0-9A-Z-]+$/;
/** No white space, no control characters. Bytes above 0x7f are passed on as they came. */
const TARGET = /^[\x21-\xff]+$/;
const KEEP_ALIVE = 'Connection: keep-alive\r\n\r\n';
const END = '\r\n';

/** @returns undefined when HTTP/1.1 has no form for it */
export function encodeHead({ method, target, fields }: OutgoingHead): EncodedHead | undefined {
  if (!METHOD.test(method) || !TARGET.test(target)) return undefined;
  const lines = fieldLines(fields);
  if (lines === undefined) return undefined;
  const hasConnection = fields.some((text, index) => index % 2 === 0 && text === 'Connection');
  return { bytes: Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}`, 'latin1'), hasConnection };
}

/**
 * @param callFields the fields that differ from request to request, names and values alternating
 * @returns what follows the encoded head; undefined when HTTP/1.1 has no form for a field
 */
export function encodeRest(
  { hasConnection }: EncodedHead,
  callFields: readonly string[],
): Buffer | undefined {
  const lines = fieldLines(callFields);
  return lines === undefined ? undefined : Buffer.from(lines + (hasConnection ? END : KEEP_ALIVE), 'latin1');
}

/** @returns a line for each field; undefined when HTTP/1.1 has no form for one of them */
export function fieldLines(fields: readonly string[]): string | undefined {
  let lines = '';
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index];
    const value = fields[index + 1];
    if (!isToken(name) || !isPrintable(value)) return undefined;
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}
