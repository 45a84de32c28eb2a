// Recognises a literal that was seen recently, by its name and the end of its value. A field that repeats is worth a place in the
// table of the next hop; one that changes with each call (ids, times, tokens) is not. All connections share one small table of
// fixed size. A mistake only costs bytes on the wire.

const PLACES = 2_048;

const hashes = new Int32Array(PLACES);

/** Whether a field like this was seen recently. Also notes that it was seen now. */
export function wasValueSeen(name: Uint8Array, block: Buffer, start: number, end: number): boolean {
  // Numbers and ids differ in their last bytes. Names that agree in length, first and last byte are mostly told apart by their
  // values.
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
