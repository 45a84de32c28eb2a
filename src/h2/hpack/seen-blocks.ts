// Recognises a header block that was seen recently, by a few of its bytes. A block that comes only once (because of ids, times or
// tokens in its fields) is not worth keeping: it would outlive its call and burden the garbage collector. A mistake costs a place
// in the memo, nothing else.

const KEPT = 16;
/** How many of the last bytes are all hashed: metadata that changes often is at the end. */
const LAST_BYTES = 16;
const SAMPLES = 32;

export class SeenBlocks {
  readonly #hashes: number[] = [];
  #next = 0;

  /** Whether a block like this is among the last ones. Also adds the block. */
  see(block: Buffer, start: number, end: number): boolean {
    const hash = hashOf(block, start, end);
    if (this.#hashes.includes(hash)) return true;
    this.#hashes[this.#next] = hash;
    this.#next = (this.#next + 1) % KEPT;
    return false;
  }
}

/** FNV-1a over the length, some bytes of the whole block, and its last bytes. */
function hashOf(block: Buffer, start: number, end: number): number {
  let hash = Math.imul(0x811c9dc5 ^ (end - start), 0x01000193);
  const step = Math.floor((end - start) / SAMPLES) + 1;
  for (let position = start; position < end; position += step) {
    hash = Math.imul(hash ^ block[position], 0x01000193);
  }
  for (let position = Math.max(start, end - LAST_BYTES); position < end; position++) {
    hash = Math.imul(hash ^ block[position], 0x01000193);
  }
  return hash;
}
