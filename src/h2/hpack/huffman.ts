// Huffman coding of HPACK strings (RFC 7541 section 5.2). Decoding processes one byte per step with an automaton whose states are
// the inner nodes of the code tree. Its table is built once, when the module loads.

import { ErrorCode } from '../error-codes.ts';
import { ConnectionError } from '../errors.ts';
import { END_OF_STRING, HUFFMAN_CODES, HUFFMAN_LENGTHS } from './huffman-code.ts';

// A step, indexed by state and input byte, is one number: the next state in bits 0 to 7, flags in bits 8 to 10, the first symbol
// that the byte completes in bits 16 to 23, the second in bits 24 to 31. No code is shorter than 5 bits, so there are at most two
// symbols.
const ONE_SYMBOL = 0x100;
const TWO_SYMBOLS = 0x200;
/** The byte completes END_OF_STRING, which is always a decoding error. */
const FAILED = 0x400;

const AUTOMATON = buildAutomaton();

/**
 * The scratch buffer grows to the longest string seen, which the limit on header blocks bounds. A larger buffer than this is not
 * kept.
 */
const KEPT_SCRATCH_BYTES = 65_536;
let scratch = Buffer.allocUnsafeSlow(4_096);

/** Decodes the bytes from start to end to a latin1 string. */
export function decodeHuffman(source: Buffer, start: number, end: number): string {
  const steps = AUTOMATON.steps;
  const target = scratchOf(((end - start) * 8) / 5);
  let state = 0;
  let length = 0;
  for (let position = start; position < end; position++) {
    const step = steps[(state << 8) | source[position]];
    if ((step & (ONE_SYMBOL | TWO_SYMBOLS | FAILED)) !== 0) {
      if ((step & FAILED) !== 0) throw endOfStringError();
      target[length++] = step >>> 16;
      if ((step & TWO_SYMBOLS) !== 0) target[length++] = step >>> 24;
    }
    state = step & 0xff;
  }
  if (AUTOMATON.isPadding[state] === 0) throw paddingError();
  return target.toString('latin1', 0, length);
}

/** The length in bytes of the value when Huffman coded. */
export function huffmanLength(value: string): number {
  let bits = 0;
  for (let position = 0; position < value.length; position++) {
    bits += HUFFMAN_LENGTHS[value.charCodeAt(position) & 0xff];
  }
  return (bits + 7) >>> 3;
}

/** Writes the value Huffman coded, padded with ones, and returns the offset after it. */
export function writeHuffman(target: Buffer, offset: number, value: string): number {
  // At most 7 bits are in `pending`, so a code of up to 24 bits fits beside them into 31. Longer codes are added in two parts.
  let pending = 0;
  let pendingBits = 0;
  for (let position = 0; position < value.length; position++) {
    const symbol = value.charCodeAt(position) & 0xff;
    let code = HUFFMAN_CODES[symbol];
    let bits = HUFFMAN_LENGTHS[symbol];
    if (bits > 24) {
      bits -= 16;
      pending = (pending << bits) | (code >>> 16);
      pendingBits += bits;
      while (pendingBits >= 8) target[offset++] = pending >>> (pendingBits -= 8);
      pending &= 0xff;
      code &= 0xffff;
      bits = 16;
    }
    pending = (pending << bits) | code;
    pendingBits += bits;
    while (pendingBits >= 8) target[offset++] = pending >>> (pendingBits -= 8);
    pending &= 0xff;
  }
  if (pendingBits > 0) target[offset++] = (pending << (8 - pendingBits)) | (0xff >>> pendingBits);
  return offset;
}

function scratchOf(minimumBytes: number): Buffer {
  if (minimumBytes <= scratch.length) return scratch;
  const larger = Buffer.allocUnsafeSlow(Math.ceil(minimumBytes));
  if (larger.length <= KEPT_SCRATCH_BYTES) scratch = larger;
  return larger;
}

function endOfStringError(): ConnectionError {
  return new ConnectionError(
    ErrorCode.COMPRESSION_ERROR,
    'hpack_huffman_end_of_string',
    'A Huffman coded string contains the end-of-string symbol',
  );
}

function paddingError(): ConnectionError {
  return new ConnectionError(
    ErrorCode.COMPRESSION_ERROR,
    'hpack_huffman_padding',
    'A Huffman coded string ends in padding that is longer than 7 bits or not all ones',
  );
}

interface Automaton {
  readonly steps: Uint32Array;
  /** 1 for each state in which a string may end: at the end of a symbol, or after at most 7 further bits that are all ones. */
  readonly isPadding: Uint8Array;
}

function buildAutomaton(): Automaton {
  const { zero, one } = buildTree();
  const steps = new Uint32Array(256 * 256);
  for (let state = 0; state < 256; state++) {
    for (let byte = 0; byte < 256; byte++) steps[(state << 8) | byte] = walk(zero, one, state, byte);
  }
  const isPadding = new Uint8Array(256);
  for (let node = 0, bits = 0; bits < 8; bits++) {
    isPadding[node] = 1;
    node = one[node];
  }
  return { steps, isPadding };
}

/** Follows the eight bits of a byte from one state. The result is the step: the next state and the symbols that the byte completes. */
function walk(zero: Int16Array, one: Int16Array, state: number, byte: number): number {
  let node = state;
  let symbols = 0;
  for (let bit = 7; bit >= 0; bit--) {
    node = ((byte >>> bit) & 1) === 0 ? zero[node] : one[node];
    if (node >= 0) continue;
    const symbol = ~node;
    if (symbol === END_OF_STRING) return FAILED;
    symbols =
      symbols === 0 ? ONE_SYMBOL | (symbol << 16) : TWO_SYMBOLS | (symbols & 0xff0000) | (symbol << 24);
    node = 0;
  }
  return symbols | node;
}

/** The code tree: children of each inner node, a leaf as ~symbol. 257 leaves make exactly 256 inner nodes. */
function buildTree(): { zero: Int16Array; one: Int16Array } {
  const zero = new Int16Array(256);
  const one = new Int16Array(256);
  let nodes = 1;
  for (let symbol = 0; symbol <= END_OF_STRING; symbol++) {
    let node = 0;
    for (let bit = HUFFMAN_LENGTHS[symbol] - 1; bit >= 0; bit--) {
      const side = ((HUFFMAN_CODES[symbol] >>> bit) & 1) === 0 ? zero : one;
      if (bit === 0) side[node] = ~symbol;
      else if (side[node] === 0) side[node] = nodes++;
      if (bit > 0) node = side[node];
    }
  }
  return { zero, one };
}
