// Tells at a header block's second sight that it was seen not long ago, by a look at a few of its octets: what comes only once
// (ids, times, tokens among its fields) is not worth keeping, and what is kept of it would outlive its call and cost the garbage
// collector. A mistake costs a place in the memo, nothing else.

const KEPT = 16;
/** Metadata that changes often stands at the end. */
const LAST_OCTETS = 16;
const SAMPLES = 32;

export class SeenBlocks {
  readonly #hashes: number[] = [];
  #next = 0;

  /** Whether a block like this was among the last ones; from now on it was. */
  see(block: Buffer, start: number, end: number): boolean {
    const hash = hashOf(block, start, end);
    if (this.#hashes.includes(hash)) return true;
    this.#hashes[this.#next] = hash;
    this.#next = (this.#next + 1) % KEPT;
    return false;
  }
}

/** FNV-1a over the length, some octets of the whole, and the last ones. */
function hashOf(block: Buffer, start: number, end: number): number {
  let hash = Math.imul(0x811c9dc5 ^ (end - start), 0x01000193);
  const step = Math.floor((end - start) / SAMPLES) + 1;
  for (let position = start; position < end; position += step) {
    hash = Math.imul(hash ^ block[position], 0x01000193);
  }
  for (let position = Math.max(start, end - LAST_OCTETS); position < end; position++) {
    hash = Math.imul(hash ^ block[position], 0x01000193);
  }
  return hash;
}
