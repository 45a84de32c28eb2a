// HTTP/1.1 fields as alternating names and values, which is how Node's server and our own parser give them. They are converted to header
// lists here, and trailer sections are filtered.

import type { HeaderList } from '../h2/hpack/header-list.ts';
import { isForbiddenTrailer } from '../h2/trailer-rules.ts';
import { isNoTrailer } from './request-trailers.ts';

/** What each field counts in addition to its name and value (RFC 9113 section 6.5.2). */
export const FIELD_OVERHEAD_BYTES = 32;

/** @returns the size in bytes, as HTTP/2 counts a header list */
export function sizeOfFields(fields: readonly string[]): number {
  let sizeBytes = (fields.length / 2) * FIELD_OVERHEAD_BYTES;
  for (const text of fields) sizeBytes += text.length;
  return sizeBytes;
}

/** Adds fields with their names in lower case, and keeps the original spelling. @param fields alternating names and values */
export function addFields(list: HeaderList, fields: readonly string[]): void {
  for (let index = 0; index < fields.length; index += 2)
    list.addSpelt(fields[index].toLowerCase(), fields[index], fields[index + 1]);
}

/** @returns the fields in the form that addTrailers() of Node's messages expects */
export function pairsOf(fields: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; index < fields.length; index += 2) pairs.push([fields[index], fields[index + 1]]);
  return pairs;
}

/** @returns a client's trailer section without fields that may not be forwarded; see request-trailers.ts */
export function requestTrailers(raw: readonly string[]): string[] {
  return trailerFields(raw, isNoTrailer);
}

/** @returns a service's trailer section without fields that are not allowed in trailers */
export function responseTrailers(raw: readonly string[]): string[] {
  return trailerFields(raw, isForbiddenTrailer);
}

/** @param isLeftOut is called with the name in lower case */
function trailerFields(raw: readonly string[], isLeftOut: (name: string) => boolean): string[] {
  const fields: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index].toLowerCase();
    const value = raw[index + 1];
    if (isLeftOut(name)) continue;
    if (isToken(name) && isPrintable(value)) fields.push(raw[index], value);
  }
  return fields;
}

/** Whether HTTP/1.1 accepts the text as the name of a field (RFC 9110 section 5.6.2). */
export function isToken(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name);
}

/** Whether the value has no control characters except tabs, and no characters above 0xff. */
export function isPrintable(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}
