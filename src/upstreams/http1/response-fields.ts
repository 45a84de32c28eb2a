// The fields of an HTTP/1.1 service's response, and of trailer sections, without those that belong to the connection they
// came by.

import { isNoTrailer } from '../../calls/request-trailers.ts';
import type { HeaderList } from '../../h2/hpack/header-list.ts';
import { isForbiddenTrailer } from '../../h2/trailer-rules.ts';

export interface IncomingFields {
  /** Names and values by turns, as they came. */
  readonly fields: string[];
  /** For how long the service keeps an idle connection, where it says so. */
  readonly keepAliveSeconds: number | undefined;
}

/** All that one walk through the fields of a response finds. */
export interface ScannedFields {
  /** Without `content-length`. */
  readonly fields: string[];
  /** As HTTP/2 counts a header list: name, value and 32 bytes for each field that is passed on. */
  readonly sizeBytes: number;
  readonly contentLength: string | undefined;
  /** The value of each Transfer-Encoding field. */
  readonly transferEncodings: readonly string[];
  readonly keepAliveSeconds: number | undefined;
  /** What Connection names beside the usual; those fields are left out. */
  readonly named: ReadonlySet<string> | undefined;
}

/** `trailer` announces what need not be announced, and Node refuses it without chunks. */
const LEFT_OUT = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'content-length',
]);

/** RFC 9113 section 6.5.2. */
const FIELD_OVERHEAD_BYTES = 32;

export function scanFields(raw: readonly string[]): ScannedFields {
  const named = namedByConnection(raw);
  const fields: string[] = [];
  const transferEncodings: string[] = [];
  let sizeBytes = 0;
  let contentLength: string | undefined;
  let keepAliveSeconds: number | undefined;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index].toLowerCase();
    const value = raw[index + 1];
    if (name === 'content-length') contentLength = value;
    else if (name === 'transfer-encoding') transferEncodings.push(value);
    else if (name === 'keep-alive') keepAliveSeconds = timeoutOf(value);
    else if (!LEFT_OUT.has(name) && named?.has(name) !== true) {
      fields.push(raw[index], value);
      sizeBytes += name.length + value.length + FIELD_OVERHEAD_BYTES;
    }
  }
  return { fields, sizeBytes, contentLength, transferEncodings, keepAliveSeconds, named };
}

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
    if (LEFT_OUT.has(name) || isLeftOut(name)) continue;
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

/** Beside those it always names; undefined where there are none, which is the rule. */
function namedByConnection(raw: readonly string[]): ReadonlySet<string> | undefined {
  let named: Set<string> | undefined;
  for (let index = 0; index < raw.length; index += 2) {
    if (raw[index].length !== CONNECTION_LENGTH || raw[index].toLowerCase() !== 'connection') continue;
    for (const part of raw[index + 1].toLowerCase().split(',')) {
      const name = part.trim();
      if (!ORDINARY_OPTIONS.has(name)) named = (named ?? new Set()).add(name);
    }
  }
  return named;
}

function timeoutOf(value: string): number | undefined {
  const seconds = /\btimeout=(\d{1,9})\b/i.exec(value)?.[1];
  return seconds === undefined ? undefined : Number(seconds);
}

const CONNECTION_LENGTH = 'connection'.length;
const ORDINARY_OPTIONS = new Set(['keep-alive', 'close', '']);
