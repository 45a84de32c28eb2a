// The kinds of calls that a connection has made lately.

import type { HeaderList } from '../h2/hpack/header-list.ts';
import { CallKind, isOfSomeKind } from './call-kind.ts';
import type { DownstreamPeer } from './downstream-peer.ts';
import type { Snapshot } from './snapshot.ts';

/** Clients call a few methods by turns. Each kind is about as large as a call, and a look at one that does not fit takes 20 ns. */
const MOST_KINDS = 4;

export class KindMemo {
  readonly #kinds: CallKind[] = [];
  /** The one to be replaced next. */
  #oldest = 0;

  /** The kind of this request, which may have been met before. @param peer of the connection */
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

  /** To give memory back. */
  clear(): void {
    this.#kinds.length = 0;
    this.#oldest = 0;
  }
}
