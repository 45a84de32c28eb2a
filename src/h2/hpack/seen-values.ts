// Tells at a literal's second sight, by its name and the end of its value, that it was seen not long ago: what repeats is worth a
// place in the table of the next hop, what changes with each call (ids, times, tokens) only costs the look. One small table
// for all connections, in fixed memory; a mistake costs octets, nothing else.

const PLACES = 2_048;

const hashes = new Int32Array(PLACES);

/** Whether a field like this was among the last ones; from now on it was. */
export function wasValueSeen(name: Uint8Array, block: Buffer, start: number, end: number): boolean {
  // Numbers and ids differ in their last octets. Names of equal length and ends are told apart by their values, mostly.
  let hash = name[0] | (name[name.length - 1] << 8) | (name.length << 16) | ((end - start) << 24);
  for (let position = Math.max(start, end - 8); position < end; position++) {
    hash = (Math.imul(hash, 31) + block[position]) | 0;
  }
  hash = Math.imul(hash, 0x9e3779b1);
  hash = (hash ^ (hash >>> 15)) | 1;
  const place = (hash >>> 1) & (PLACES - 1);
  if (hashes[place] === hash) return true;
  hashes[place] = hash;
  return false;
}
