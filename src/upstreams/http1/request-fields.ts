// A request on its way to an HTTP/1.1 service: from the list that HTTP/2 has for it to the fields of an HTTP/1.1 head.
// What belongs to a single connection is made here, never copied; values stay as they are, octet for octet.

import { OF_ONE_CONNECTION } from '../../h2/field-octets.ts';
import type { HeaderList } from '../../h2/hpack/header-list.ts';

/** How the end of the body is told. */
export type Framing = 'none' | 'length' | 'chunked';

export interface OutgoingHead {
  readonly method: string;
  /** The request target, in origin form or '*'. */
  readonly target: string;
  /** Names and values by turns. */
  readonly fields: readonly string[];
  readonly framing: Framing;
  /** The client waits for 100 (Continue) before it sends the body (RFC 9110 section 10.1.1). */
  readonly expectsContinue: boolean;
}

/**
 * Of one connection (RFC 9110 section 7.6.1), or made here. `trailer` announces what need not be announced, and Node
 * refuses it without chunks.
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

/** Methods whose requests usually have no body; without one they need not say so (RFC 9110 section 8.6). */
const USUALLY_BODILESS = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

export function outgoingHead(list: HeaderList, framing: Framing): OutgoingHead {
  const method = list.get(':method') ?? '';
  const fields = regularFields(list);
  // Without a body there is nothing to wait with, and another expectation is none that HTTP knows.
  const expectsContinue = framing !== 'none' && list.get('expect')?.toLowerCase() === '100-continue';
  if (expectsContinue) fields.push('Expect', '100-continue');
  if (list.get('te') !== undefined) fields.push('TE', 'trailers', 'Connection', 'keep-alive, TE');
  if (framing === 'chunked') {
    fields.push('Transfer-Encoding', 'chunked');
  } else {
    const length = list.get('content-length');
    // Last: behind a length Node would write Content-Disposition in another character set than the rest.
    if (length !== undefined) fields.push('Content-Length', length);
    else if (!USUALLY_BODILESS.has(method)) fields.push('Content-Length', '0');
  }
  return { method, target: list.get(':path') ?? '', fields, framing, expectsContinue };
}

/** The request for a WebSocket. `key` replaces or adds Sec-WebSocket-Key; RFC 8441 has none. */
export function upgradeHead(list: HeaderList, key: string | undefined): OutgoingHead {
  const fields = regularFields(list, key === undefined ? undefined : 'sec-websocket-key');
  if (key !== undefined) fields.push('Sec-WebSocket-Key', key);
  fields.push('Connection', 'Upgrade', 'Upgrade', 'websocket');
  return { method: 'GET', target: list.get(':path') ?? '', fields, framing: 'none', expectsContinue: false };
}

/** Host first, as RFC 9110 section 7.2 wants it; empty where the client named none. */
function regularFields(list: HeaderList, without?: string): string[] {
  const fields = ['Host', list.get(':authority') ?? ''];
  const { names, values } = list;
  let cookie: string | undefined;
  for (let index = 0; index < names.length; index++) {
    const name = names[index];
    if (name.charCodeAt(0) === COLON || name === without) continue;
    // HTTP/2 splits it, HTTP/1.1 has it once (RFC 9113 section 8.2.3).
    if (name === 'cookie') cookie = cookie === undefined ? values[index] : `${cookie}; ${values[index]}`;
    else if (!LEFT_OUT.has(name)) fields.push(name, values[index]);
  }
  if (cookie !== undefined) fields.push('cookie', cookie);
  return fields;
}

const COLON = 0x3a;
