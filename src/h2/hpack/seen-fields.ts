// Recognises a field that was seen before, in fixed memory: only a field that repeats deserves a place in the dynamic table.
// Holds hashes in sets of four, the newest first. A forgotten or mistaken field only costs bytes on the wire.

const SETS = 64;
const SET_SIZE = 4;
/** Up to this many fields a short list is used instead of the table: most connections of clients have no more. */
const FEW = 16;

export class SeenFields {
  readonly #few: number[] = [];
  #hashes: Int32Array | undefined = undefined;

  /** Whether the field was seen recently. Also notes that it was seen now. */
  see(name: string, value: string): boolean {
    const hash = hashOf(name, value);
    if (this.#hashes !== undefined) return seeIn(this.#hashes, hash);
    if (this.#few.includes(hash)) return true;
    this.#few.push(hash);
    if (this.#few.length > FEW) {
      this.#hashes = new Int32Array(SETS * SET_SIZE);
      for (const few of this.#few) seeIn(this.#hashes, few);
      this.#few.length = 0;
    }
    return false;
  }
}

function seeIn(hashes: Int32Array, hash: number): boolean {
  const first = (hash & (SETS - 1)) * SET_SIZE;
  let place = first;
  while (place < first + SET_SIZE - 1 && hashes[place] !== hash) place++;
  const wasSeen = hashes[place] === hash;
  for (; place > first; place--) hashes[place] = hashes[place - 1];
  hashes[first] = hash;
  return wasSeen;
}

/** FNV-1a over both strings. The hash is never 0, which means an empty place. */
function hashOf(name: string, value: string): number {
  let hash = 0x811c9dc5;
  for (let position = 0; position < name.length; position++) {
    hash = Math.imul(hash ^ name.charCodeAt(position), 0x01000193);
  }
  hash = Math.imul(hash ^ 0x100, 0x01000193);
  for (let position = 0; position < value.length; position++) {
    hash = Math.imul(hash ^ value.charCodeAt(position), 0x01000193);
  }
  hash ^= hash >>> 15;
  return hash === 0 ? 1 : hash;
}
