// Tells at a field's second sight that it was seen before, in fixed memory: only what repeats deserves a place in the
// dynamic table. Holds hashes, four to a set, newest first; a forgotten or mistaken field costs octets, nothing else.

const SETS = 64;
const SET_SIZE = 4;
/** So many fields are told apart by a short list, before there is a table: most connections of clients have no more. */
const FEW = 16;

export class SeenFields {
  readonly #few: number[] = [];
  #hashes: Int32Array | undefined = undefined;

  /** Whether the field was seen not long ago; from now on it was. */
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

/** FNV-1a over both strings, never 0, which means an empty place. */
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
