// Tells at a literal's second sight, by its name and the end of its value, that it was seen not long ago: what repeats is worth a
// place in the table of the next hop, what changes with each call (ids, times, tokens) only costs the look. One small table
// for all connections, in fixed memory; a mistake costs octets, nothing else.

const PLACES = 2_048;
/** Numbers and ids differ in their last octets. */
const LAST_OCTETS = 8;

const hashes = new Int32Array(PLACES);

/** Whether a field like this was among the last ones; from now on it was. */
export function wasValueSeen(name: Uint8Array, block: Buffer, start: number, end: number): boolean {
  // The first octet of the name and the last tell most names apart; those they do not differ in their values.
  let hash =
    Math.imul(name[name.length - 1] | (name[0] << 8) | (name.length << 16), 0x01000193) ^ (end - start);
  for (let position = Math.max(start, end - LAST_OCTETS); position < end; position++) {
    hash = Math.imul(hash ^ block[position], 0x01000193);
  }
  hash = (hash ^ (hash >>> 15)) | 1;
  const place = (hash >>> 1) & (PLACES - 1);
  if (hashes[place] === hash) return true;
  hashes[place] = hash;
  return false;
}
