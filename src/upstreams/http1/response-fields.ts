// The fields of an HTTP/1.1 service's response, without those of its connection.

import { FIELD_OVERHEAD_BYTES } from '../../calls/http1-fields.ts';
import { OF_ONE_CONNECTION } from '../../h2/field-bytes.ts';

export interface IncomingFields {
  /** Names and values alternating, as received. */
  readonly fields: string[];
  /** How long the service keeps an idle connection, in seconds. Undefined when it does not say. */
  readonly keepAliveSeconds: number | undefined;
}

/** Everything that one pass over the fields of a response finds. */
export interface ScannedFields {
  /** The fields to pass on, without `content-length`. */
  readonly fields: string[];
  /** The size as HTTP/2 counts a header list: name, value and 32 bytes for each field that is passed on. */
  readonly sizeBytes: number;
  readonly contentLength: string | undefined;
  /** The value of each Transfer-Encoding field. */
  readonly transferEncodings: readonly string[];
  readonly keepAliveSeconds: number | undefined;
  /** The fields that Connection names, other than the usual ones. They are left out. */
  readonly named: ReadonlySet<string> | undefined;
}

/** `trailer` is optional, and Node's server refuses it without chunks. */
const LEFT_OUT = new Set([...OF_ONE_CONNECTION, 'te', 'trailer', 'content-length']);

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

/** The names in Connection other than the usual ones. Undefined when there are none, as in most responses. */
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
