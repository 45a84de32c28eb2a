// HPACK by hand (RFC 7541), for blocks that no encoder makes.

/** With a prefix of so many bits; `pattern` is what stands above it (section 5.1). */
export function integer(value: number, prefixBits: number, pattern: number): Buffer {
  const most = 2 ** prefixBits - 1;
  if (value < most) return Buffer.from([pattern | value]);
  const bytes = [pattern | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
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
export function tableSize(sizeBytes: number): Buffer {
  return integer(sizeBytes, 5, 0x20);
}

/** A literal without indexing whose value is these bytes, said to be Huffman coded (section 5.2). */
export function huffmanValue(name: string, ...bytes: readonly number[]): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name), integer(bytes.length, 7, 0x80), Buffer.from(bytes)]);
}

function text(characters: string): Buffer {
  const bytes = Buffer.from(characters, 'latin1');
  return Buffer.concat([integer(bytes.length, 7, 0), bytes]);
}
