// The fields of an HTTP/1.1 service's response, without those that belong to the connection they came by.

import { FIELD_OVERHEAD_BYTES } from '../../calls/http1-fields.ts';
import { OF_ONE_CONNECTION } from '../../h2/field-octets.ts';

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
