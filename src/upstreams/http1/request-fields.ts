// Translates a request's HTTP/2 field list into the fields of an HTTP/1.1 head. Fields that belong to a single connection are made here,
// never copied. Values stay as they are, byte for byte.

import { hyphenated } from '../../calls/field-spelling.ts';
import { OF_ONE_CONNECTION } from '../../h2/field-bytes.ts';
import type { HeaderList } from '../../h2/hpack/header-list.ts';

/** How the end of the body is marked. */
export type Framing = 'none' | 'length' | 'chunked';

export interface OutgoingHead {
  readonly method: string;
  /** The request target, in origin form or '*'. */
  readonly target: string;
  /** Names and values, alternating. */
  readonly fields: readonly string[];
  readonly framing: Framing;
  /** The client waits for 100 (Continue) before it sends the body (RFC 9110 section 10.1.1). */
  readonly expectsContinue: boolean;
}

/**
 * Fields of a single connection (RFC 9110 section 7.6.1), or made here, in any spelling: a service that reads `_` like `-` would take
 * content_length for the length of the body. `trailer` is optional, and says nothing without chunks.
 */
const LEFT_OUT = new Set([
  ...OF_ONE_CONNECTION,
  'host',
  'te',
  'trailer',
  'expect',
  'cookie',
  'content-length',
]);

/** Methods whose requests usually have no body. Without a body they need no Content-Length (RFC 9110 section 8.6). */
const USUALLY_BODILESS = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

export function outgoingHead(list: HeaderList, framing: Framing): OutgoingHead {
  const method = list.get(':method') ?? '';
  const fields = regularFields(list);
  // A request without a body has nothing to wait with, and HTTP defines no other expectation.
  const expectsContinue = framing !== 'none' && list.get('expect')?.toLowerCase() === '100-continue';
  if (expectsContinue) fields.push('Expect', '100-continue');
  if (list.get('te') !== undefined) fields.push('TE', 'trailers', 'Connection', 'keep-alive, TE');
  if (framing === 'chunked') {
    fields.push('Transfer-Encoding', 'chunked');
  } else {
    const length = list.get('content-length');
    if (length !== undefined) fields.push('Content-Length', length);
    else if (!USUALLY_BODILESS.has(method)) fields.push('Content-Length', '0');
  }
  return { method, target: list.get(':path') ?? '', fields, framing, expectsContinue };
}

/** The head of a WebSocket request. `key`, if given, becomes the Sec-WebSocket-Key, which RFC 8441 does not have. */
export function upgradeHead(list: HeaderList, key: string | undefined): OutgoingHead {
  const fields = regularFields(list, key === undefined ? undefined : 'sec-websocket-key');
  if (key !== undefined) fields.push('Sec-WebSocket-Key', key);
  fields.push('Connection', 'Upgrade', 'Upgrade', 'websocket');
  return { method: 'GET', target: list.get(':path') ?? '', fields, framing: 'none', expectsContinue: false };
}

/**
 * The fields without those of the connection. Host comes first, as RFC 9110 section 7.2 recommends; it is empty when the client
 * named none.
 */
function regularFields(list: HeaderList, without?: string): string[] {
  const fields = ['Host', list.get(':authority') ?? ''];
  const { names, values } = list;
  let cookie: string | undefined;
  for (let index = 0; index < names.length; index++) {
    const name = names[index];
    if (name.charCodeAt(0) === COLON || name === without) continue;
    // HTTP/2 may split cookie into several fields, HTTP/1.1 has one (RFC 9113 section 8.2.3).
    if (name === 'cookie') cookie = cookie === undefined ? values[index] : `${cookie}; ${values[index]}`;
    else if (!LEFT_OUT.has(hyphenated(name))) fields.push(name, values[index]);
  }
  if (cookie !== undefined) fields.push('cookie', cookie);
  return fields;
}

const COLON = 0x3a;
