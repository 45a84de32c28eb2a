// Remembers the kinds of calls that a connection has made lately.

import type { HeaderList } from '../h2/hpack/header-list.ts';
import { CallKind, isOfSomeKind } from './call-kind.ts';
import type { DownstreamPeer } from './downstream-peer.ts';
import type { Snapshot } from './snapshot.ts';

/** Clients alternate between a few methods. A kind takes about as much memory as a call, and comparing with one that does not fit 20 ns. */
const MOST_KINDS = 4;

export class KindMemo {
  readonly #kinds: CallKind[] = [];
  /** The index of the kind that is replaced next. */
  #oldest = 0;

  /** @returns the kind of this request: a remembered one if it fits. @param peer the client of the connection */
  kindOf(list: HeaderList, peer: DownstreamPeer, snapshot: Snapshot): CallKind {
    if (!isOfSomeKind(list, peer)) return new CallKind(list, peer, snapshot);
    for (const kind of this.#kinds) if (kind.fits(list, snapshot)) return kind;
    const kind = new CallKind(list, peer, snapshot);
    // What the client is told of an authority depends on its user-agent, by which kinds are not told apart.
    if (kind.local?.kind === 'refuse' && kind.local.failure.token === 'authority_invalid') return kind;
    this.#kinds[this.#oldest] = kind;
    this.#oldest = (this.#oldest + 1) % MOST_KINDS;
    return kind;
  }

  /** Forgets all kinds to free memory. */
  clear(): void {
    this.#kinds.length = 0;
    this.#oldest = 0;
  }
}
