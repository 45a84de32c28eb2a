// What is decided about an HTTP/1.1 request from its head alone. Clients repeat their heads: the last one of a connection
// is remembered, so that routing and rewriting are done once per kind of request, not once per request.

import type { IncomingMessage } from 'node:http';
import { type DownstreamPeer, RequestHead } from '../relay/request-head.ts';
import type { Snapshot } from '../relay/snapshot.ts';
import { type InvalidRequest, readHttp1Request } from './http1-request.ts';
import { type OutgoingHead, outgoingHead, upgradeHead } from './request-fields.ts';

export interface Http1Head {
  readonly request: RequestHead;
  /** What to send, where the request is forwarded. */
  readonly outgoing: OutgoingHead;
  /** The client waits for 100 before it sends its body. */
  readonly expectsContinue: boolean;
}

export type Http1HeadResult = Http1Head | InvalidRequest;

export function readHttp1Head(
  request: IncomingMessage,
  peer: DownstreamPeer,
  snapshot: Snapshot,
  isUpgrade: boolean,
): Http1HeadResult {
  const read = readHttp1Request(request, snapshot.limits, peer.tls);
  if (!read.isValid) return read;
  const head = new RequestHead(read.list, peer, snapshot);
  const { decision } = head;
  const fields = decision.kind === 'forward' ? decision.fields : read.list;
  const outgoing = isUpgrade ? upgradeHead(fields, undefined) : outgoingHead(fields, read.framing);
  return { request: head, outgoing, expectsContinue: read.expectsContinue };
}

/** Of one connection. */
export class Http1HeadMemo {
  #method: string | undefined = undefined;
  #url: string | undefined = undefined;
  #httpVersion = '';
  #rawHeaders: readonly string[] = [];
  #head: Http1Head | undefined = undefined;

  headOf(request: IncomingMessage, peer: DownstreamPeer, snapshot: Snapshot): Http1HeadResult {
    if (this.#head?.request.snapshot === snapshot && this.#isSame(request)) return this.#head;
    const result = readHttp1Head(request, peer, snapshot, false);
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
