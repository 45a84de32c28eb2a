// What is decided about an HTTP/1.1 request from its head alone. Clients repeat their heads, so the last head of a connection is
// memoised: a repeated head is not checked, routed and rewritten again.

import type { IncomingMessage } from 'node:http';
import { HeaderList } from '../h2/hpack/header-list.ts';
import type { DownstreamPeer } from '../relay/downstream-peer.ts';
import { KindMemo } from '../relay/kind-memo.ts';
import { RequestHead } from '../relay/request-head.ts';
import type { Snapshot } from '../relay/snapshot.ts';
import { type InvalidRequest, readHttp1Request } from './http1-request.ts';

export interface Http1Head {
  readonly request: RequestHead;
  /** The header fields that it was made of. */
  readonly list: HeaderList;
  readonly hasBody: boolean;
  /** Whether the client waits for 100 Continue before it sends its body. */
  readonly expectsContinue: boolean;
}

export type Http1HeadResult = Http1Head | InvalidRequest;

export interface HeadKind {
  /** Whether the request asks for a WebSocket. */
  readonly isUpgrade: boolean;
  /** Whether fields are missing, so that the request may only be refused. */
  readonly isTruncated: boolean;
}

export function readHttp1Head(
  request: IncomingMessage,
  peer: DownstreamPeer,
  snapshot: Snapshot,
  kinds: KindMemo,
  { isUpgrade, isTruncated }: HeadKind,
): Http1HeadResult {
  const read = readHttp1Request(request, snapshot.limits, peer.tls);
  if (!read.isValid) return read;
  if (isTruncated) read.list.overflowedAt ??= request.rawHeaders.at(-2)?.toLowerCase() ?? '';
  if (isUpgrade && countOf(request.rawHeaders, 'sec-websocket-key') !== 1) {
    return { isValid: false, httpStatus: 400, why: 'it asks for a WebSocket without one Sec-WebSocket-Key' };
  }
  const list = isUpgrade ? extendedConnect(read.list) : read.list;
  const head = new RequestHead(list, kinds.kindOf(list, peer, snapshot));
  // The bytes after a request for a WebSocket are the client's data, like the body of an extended CONNECT.
  const hasBody = isUpgrade || read.framing !== 'none';
  return { request: head, list, hasBody, expectsContinue: read.expectsContinue };
}

/** Converts a request for a WebSocket to the form of HTTP/2 (RFC 8441 section 4). */
function extendedConnect(list: HeaderList): HeaderList {
  const connect = new HeaderList();
  connect.add(':method', 'CONNECT');
  connect.add(':protocol', 'websocket');
  list.names.forEach((name, index) => {
    if (name !== ':method' && name !== 'sec-websocket-key') connect.addFrom(list, index);
  });
  connect.overflowedAt = list.overflowedAt;
  return connect;
}

function countOf(raw: readonly string[], wanted: string): number {
  let count = 0;
  for (let index = 0; index < raw.length; index += 2) if (raw[index].toLowerCase() === wanted) count++;
  return count;
}

/** Memoises the last head of one connection. */
export class Http1HeadMemo {
  readonly kinds = new KindMemo();
  #method: string | undefined = undefined;
  #url: string | undefined = undefined;
  #httpVersion = '';
  #rawHeaders: readonly string[] = [];
  #head: Http1Head | undefined = undefined;

  headOf(
    request: IncomingMessage,
    peer: DownstreamPeer,
    snapshot: Snapshot,
    isTruncated: boolean,
  ): Http1HeadResult {
    if (this.#head?.request.snapshot === snapshot && this.#isSame(request)) return this.#head;
    const result = readHttp1Head(request, peer, snapshot, this.kinds, { isUpgrade: false, isTruncated });
    if ('isValid' in result) return result;
    this.#method = request.method;
    this.#url = request.url;
    this.#httpVersion = request.httpVersion;
    this.#rawHeaders = request.rawHeaders;
    this.#head = result;
    return result;
  }

  #isSame({ method, url, httpVersion, rawHeaders }: IncomingMessage): boolean {
    const known = this.#rawHeaders;
    if (url !== this.#url || method !== this.#method || httpVersion !== this.#httpVersion) return false;
    if (rawHeaders.length !== known.length) return false;
    for (let index = 0; index < known.length; index++) {
      if (rawHeaders[index] !== known[index]) return false;
    }
    return true;
  }
}
