// HPACK by hand (RFC 7541), for blocks that no encoder makes.

/** With a prefix of so many bits; `pattern` is what stands above it (section 5.1). */
export function integer(value: number, prefixBits: number, pattern: number): Buffer {
  const most = 2 ** prefixBits - 1;
  if (value < most) return Buffer.from([pattern | value]);
  const octets = [pattern | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) octets.push((rest % 128) | 0x80);
  octets.push(rest);
  return Buffer.from(octets);
}

/** A field of a table (section 6.1); 62 is the one that was added last. */
export function indexed(index: number): Buffer {
  return integer(index, 7, 0x80);
}

export const NEWEST = 62;

/** A literal that enters the table (section 6.2.1). */
export function added(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x40]), text(name), text(value)]);
}

/** A size update of the table (section 6.3). */
export function tableSize(octets: number): Buffer {
  return integer(octets, 5, 0x20);
}

/** A literal without indexing whose value is these bytes, said to be Huffman coded (section 5.2). */
export function huffmanValue(name: string, ...octets: readonly number[]): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name), integer(octets.length, 7, 0x80), Buffer.from(octets)]);
}

function text(characters: string): Buffer {
  const octets = Buffer.from(characters, 'latin1');
  return Buffer.concat([integer(octets.length, 7, 0), octets]);
}
