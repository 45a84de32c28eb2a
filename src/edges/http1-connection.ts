// The HTTP/1.1 requests of one connection. They are processed one after the other, in the order in which they arrived: their responses
// must be in that order (RFC 9112 section 9.3.2), and a request may depend on the one before it.

import { ageFactor } from '../relay/client-terms.ts';
import type { DownstreamPeer } from '../relay/downstream-peer.ts';
import type { ExchangeHome } from '../relay/relay-context.ts';
import type { RequestHead } from '../relay/request-head.ts';
import type { ClientAccount } from '../upstreams/client-account.ts';
import type { ClientAccounts } from '../upstreams/client-accounts.ts';
import { Http1HeadMemo } from './http1-head.ts';

export class Http1Connection implements ExchangeHome {
  readonly memo = new Http1HeadMemo();
  readonly mostHeaderListBytes = Number.POSITIVE_INFINITY;
  readonly isHttp1 = true;
  readonly #peer: DownstreamPeer;
  readonly #accounts: ClientAccounts;
  /** Created for the first call that needs it. */
  #account: ClientAccount | undefined = undefined;
  /** The first request is in progress, the others wait. */
  readonly #queue: (() => void)[] = [];

  readonly #sinceMs = performance.now();
  readonly #ageFactor = ageFactor();

  constructor(peer: DownstreamPeer, accounts: ClientAccounts) {
    this.#peer = peer;
    this.#accounts = accounts;
  }

  /** Whether the connection is so old that the client should make another one after its current request. */
  isOlderThan(ageMs: number | undefined): boolean {
    return ageMs !== undefined && performance.now() - this.#sinceMs >= ageMs * this.#ageFactor;
  }

  get outstandingCount(): number {
    return this.#queue.length;
  }

  /** @param start is called when it is the request's turn, which can be at once */
  enqueue(start: () => void): void {
    this.#queue.push(start);
    if (this.#queue.length === 1) start();
  }

  /** The request in progress has ended: starts the next one. */
  next(): void {
    this.#queue.shift();
    this.#queue.at(0)?.();
  }

  accountFor(head: RequestHead): ClientAccount {
    // A trusted peer forwards calls of many clients, and names the client of each call.
    if (this.#peer.trusted) return this.#accounts.find(head.clientKey);
    this.#account ??= this.#accounts.open(head.clientKey);
    return this.#account;
  }

  responseBegan(): void {
    // Only HTTP/2 connections need this event, for their flood guard.
  }

  exchangeFinished(): void {
    // The next request starts when the response has been sent, see Http1CallParts.onClosed.
  }

  /** The socket is closed. */
  close(): void {
    if (this.#account !== undefined) this.#accounts.close(this.#account);
    this.#account = undefined;
  }
}
