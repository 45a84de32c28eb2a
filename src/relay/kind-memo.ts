// Remembers the kinds of calls that a connection has made recently.

import type { HeaderList } from '../h2/hpack/header-list.ts';
import { CallKind, isOfSomeKind } from './call-kind.ts';
import type { DownstreamPeer } from './downstream-peer.ts';
import type { Snapshot } from './snapshot.ts';

/** Enough for the methods that a client calls by turns. Comparing a request with a kind that does not fit takes about 20 ns. */
const MOST_KINDS = 16;
/**
 * Clients choose the values that distinguish kinds. Therefore the memory of a connection is bounded, by the size of a header list that
 * makes a kind, and by the size of all these lists together (both as HeaderList.sizeBytes counts them).
 */
const LARGEST_LIST_BYTES = 4096;
const MOST_LISTS_BYTES = 16_384;

export class KindMemo {
  /** Kinds with the sizes of the lists that made them. */
  #kinds: CallKind[] = [];
  #sizes: number[] = [];
  #totalBytes = 0;
  /** The index of the kind that fitted last: the next call is most likely of this kind. */
  #lastHit = 0;
  /** How many kinds were decided so far. */
  decided = 0;

  /** @returns the kind of this request: a remembered one if it fits. @param peer the client of the connection */
  kindOf(list: HeaderList, peer: DownstreamPeer, snapshot: Snapshot): CallKind {
    const isRemembered = list.sizeBytes <= LARGEST_LIST_BYTES && isOfSomeKind(list, peer);
    const known = isRemembered ? this.#find(list, snapshot) : undefined;
    if (known !== undefined) return known;
    this.decided++;
    const kind = new CallKind(list, peer, snapshot);
    if (isRemembered && !kind.isForOneRequest) this.#remember(kind, list.sizeBytes);
    return kind;
  }

  #find(list: HeaderList, snapshot: Snapshot): CallKind | undefined {
    const count = this.#kinds.length;
    for (let tried = 0, at = this.#lastHit; tried < count; tried++, at++) {
      if (at >= count) at = 0;
      const kind = this.#kinds[at];
      if (!kind.fits(list, snapshot)) continue;
      this.#lastHit = at;
      return kind;
    }
    return undefined;
  }

  /** Drops the oldest kinds to make room. The first kind of a newer configuration replaces all kinds of the older one. */
  #remember(kind: CallKind, sizeBytes: number): void {
    if (this.#kinds.at(-1)?.snapshot !== kind.snapshot) this.clear();
    while (this.#kinds.length >= MOST_KINDS || this.#totalBytes + sizeBytes > MOST_LISTS_BYTES) {
      this.#kinds.shift();
      this.#totalBytes -= this.#sizes.shift() ?? 0;
    }
    this.#kinds.push(kind);
    this.#sizes.push(sizeBytes);
    this.#totalBytes += sizeBytes;
    this.#lastHit = this.#kinds.length - 1;
  }

  /** Forgets all kinds to free memory. */
  clear(): void {
    this.#kinds = [];
    this.#sizes = [];
    this.#totalBytes = 0;
    this.#lastHit = 0;
  }
}
