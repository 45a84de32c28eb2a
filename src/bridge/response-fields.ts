// The fields of an HTTP/1.1 service's response, and of its trailer section, without those that belong to the connection
// it came by, and without any that only this process may say of itself.

import { ENDPOINT_FIELD, FAILURE_FIELD, SENTENCE_FIELD } from '../relay/in-process-report.ts';

export interface IncomingFields {
  /** Names and values by turns, as they came. */
  readonly fields: string[];
  /** Trailers may follow. */
  readonly isChunked: boolean;
  /** For how long the service keeps an idle connection, where it says so. */
  readonly keepAliveSeconds: number | undefined;
}

/** `trailer` announces what need not be announced, and Node refuses it without chunks. */
const LEFT_OUT = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'content-length',
  ENDPOINT_FIELD,
  FAILURE_FIELD,
  SENTENCE_FIELD,
]);

export function responseFields(raw: readonly string[]): IncomingFields {
  const named = namedByConnection(raw);
  const fields: string[] = [];
  let isChunked = false;
  let length: string | undefined;
  let keepAliveSeconds: number | undefined;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index].toLowerCase();
    const value = raw[index + 1];
    if (name === 'content-length') length = value;
    else if (name === 'transfer-encoding') isChunked = true;
    else if (name === 'keep-alive') keepAliveSeconds = timeoutOf(value);
    else if (!LEFT_OUT.has(name) && named?.has(name) !== true) fields.push(raw[index], value);
  }
  // Last: behind a length Node would write Content-Disposition in another character set than the rest.
  if (length !== undefined && !isChunked) fields.push('Content-Length', length);
  return { fields, isChunked, keepAliveSeconds };
}

/** A trailer section, of either direction; servers may merge it with the header fields. */
export function trailerFields(raw: readonly string[]): string[] {
  const fields: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index].toLowerCase();
    if (!LEFT_OUT.has(name) && name !== 'host') fields.push(raw[index], raw[index + 1]);
  }
  return fields;
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
