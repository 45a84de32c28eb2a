// The HTTP/1.1 requests of one connection: answered one after the other, in the order they came (RFC 9112 section 9.3.2),
// so that a request waits until what it may depend on is done.

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
  readonly #peer: DownstreamPeer;
  readonly #accounts: ClientAccounts;
  /** Made with the first call that needs it. */
  #account: ClientAccount | undefined = undefined;
  /** The first runs, the others wait. */
  readonly #queue: (() => void)[] = [];

  readonly #sinceMs = performance.now();
  readonly #ageFactor = ageFactor();

  constructor(peer: DownstreamPeer, accounts: ClientAccounts) {
    this.#peer = peer;
    this.#accounts = accounts;
  }

  /** Its client is to make another, once what it asks for now is answered. */
  isOlderThan(ageMs: number | undefined): boolean {
    return ageMs !== undefined && performance.now() - this.#sinceMs >= ageMs * this.#ageFactor;
  }

  get outstandingCount(): number {
    return this.#queue.length;
  }

  /** `start` is called when its turn has come, perhaps at once. */
  enqueue(start: () => void): void {
    this.#queue.push(start);
    if (this.#queue.length === 1) start();
  }

  /** The one that runs is done. */
  next(): void {
    this.#queue.shift();
    this.#queue.at(0)?.();
  }

  accountFor(head: RequestHead): ClientAccount {
    // A trusted peer brings calls of others, and says of each whose it is.
    if (this.#peer.trusted) return this.#accounts.find(head.clientKey);
    this.#account ??= this.#accounts.open(head.clientKey);
    return this.#account;
  }

  responseBegan(): void {
    // Nothing is counted of a connection that carries one call at a time.
  }

  exchangeFinished(): void {
    // The next request's turn comes when the response has left.
  }

  /** The socket is closed. */
  close(): void {
    if (this.#account !== undefined) this.#accounts.close(this.#account);
    this.#account = undefined;
  }
}
