// Fields of HTTP/1.1 as Node has them, names and values by turns, on either side of an exchange: what a list of HTTP/2 has of
// them, and what of a trailer section is passed on.

import type { HeaderList } from '../h2/hpack/header-list.ts';
import { isForbiddenTrailer } from '../h2/trailer-rules.ts';
import { isNoTrailer } from './request-trailers.ts';

/** RFC 9113 section 6.5.2. */
export const FIELD_OVERHEAD_BYTES = 32;

/** As HTTP/2 counts a header list. */
export function sizeOfFields(fields: readonly string[]): number {
  let sizeBytes = (fields.length / 2) * FIELD_OVERHEAD_BYTES;
  for (const text of fields) sizeBytes += text.length;
  return sizeBytes;
}

/** @param fields names and values by turns; HTTP/2 has names in lower case */
export function addFields(list: HeaderList, fields: readonly string[]): void {
  for (let index = 0; index < fields.length; index += 2)
    list.addSpelt(fields[index].toLowerCase(), fields[index], fields[index + 1]);
}

/** As addTrailers of Node's messages wants them. */
export function pairsOf(fields: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; index < fields.length; index += 2) pairs.push([fields[index], fields[index + 1]]);
  return pairs;
}

/** A client's trailer section: a service may merge it with the header fields, which have been checked already. */
export function requestTrailers(raw: readonly string[]): string[] {
  return trailerFields(raw, isNoTrailer);
}

/** A service's trailer section, without what may not stand there. */
export function responseTrailers(raw: readonly string[]): string[] {
  return trailerFields(raw, isForbiddenTrailer);
}

/** @param isLeftOut is asked with the name in lower case */
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

/** What Node and HTTP/1.1 write as a name of a field. */
function isToken(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name);
}

/** No control character but a tab, and nothing that is more than a byte. */
function isPrintable(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}
