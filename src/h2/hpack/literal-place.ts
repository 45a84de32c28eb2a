// The place of the value of a literal that was left in its block: start and length in one number, so that a list needs no object
// for it. Names are short and both strings have the same form, so the place of the whole field follows from that of the value.
//
//   0x00 | length of name | name | length of value | value        RFC 7541 section 6.2.2, without Huffman coding

export type LiteralPlace = number;

/** Longer values are rare, and need more than one byte for their length (RFC 7541 section 5.1). */
export const LONGEST_LITERAL = 0x7e;

const LENGTH_BITS = 7;
/** The bytes of a field in addition to its name and value. */
const OVERHEAD = 3;

export function literalPlace(valueStart: number, valueLength: number): LiteralPlace {
  return (valueStart << LENGTH_BITS) | valueLength;
}

export function startOf(place: LiteralPlace): number {
  return place >>> LENGTH_BITS;
}

export function lengthOf(place: LiteralPlace): number {
  return place & 0x7f;
}

/** The start of the whole field. */
export function fieldStart(name: string, place: LiteralPlace): number {
  return startOf(place) - name.length - OVERHEAD;
}

/** The end of the field (exclusive). */
export function fieldEnd(place: LiteralPlace): number {
  return startOf(place) + lengthOf(place);
}
