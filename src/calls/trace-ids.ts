// Ids of traces and spans as numbers of 32 bits: four for a trace, two for a span. A traced call has several ids, and as strings they would
// cost more than all else that traces do to it. They become text where they are written.

import { randomFillSync } from 'node:crypto';

/** randomFillSync for each id would take longer than the call's headers. */
const POOL_NUMBERS = 2048;

export class TraceIds {
  readonly #pool = new Int32Array(POOL_NUMBERS);
  #at = POOL_NUMBERS;

  /** @returns 32 random bits, as a signed number */
  next(): number {
    if (this.#at === POOL_NUMBERS) {
      randomFillSync(this.#pool);
      this.#at = 0;
    }
    return this.#pool[this.#at++];
  }
}

const HEX_DIGITS = new Uint8Array(Buffer.from('0123456789abcdef', 'latin1'));

/** Writes 32 bits as 8 lower-case hex digits. @returns the offset after them */
export function writeHex(target: Uint8Array, offset: number, bits: number): number {
  target[offset] = HEX_DIGITS[bits >>> 28];
  target[offset + 1] = HEX_DIGITS[(bits >>> 24) & 15];
  target[offset + 2] = HEX_DIGITS[(bits >>> 20) & 15];
  target[offset + 3] = HEX_DIGITS[(bits >>> 16) & 15];
  target[offset + 4] = HEX_DIGITS[(bits >>> 12) & 15];
  target[offset + 5] = HEX_DIGITS[(bits >>> 8) & 15];
  target[offset + 6] = HEX_DIGITS[(bits >>> 4) & 15];
  target[offset + 7] = HEX_DIGITS[bits & 15];
  return offset + 8;
}

/** @returns the hex digits of these numbers of 32 bits. Allocates, so it should not be called for each call. */
export function hexText(...numbers: readonly number[]): string {
  return numbers.map((bits) => (bits >>> 0).toString(16).padStart(8, '0')).join('');
}

/** The values of the characters below 128 as lower-case hex digits, -1 for all others. */
const DIGIT_VALUES = Int8Array.from({ length: 128 }, (_, code) =>
  '0123456789abcdef'.indexOf(String.fromCharCode(code)),
);

/** The value of a lower-case hex digit, or -1. */
export function hexDigitAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  // NaN beyond the end of the text.
  return code < 128 ? DIGIT_VALUES[code] : -1;
}

/**
 * @returns the 32 bits that 8 lower-case hex digits stand for, as a signed number; MALFORMED if there is any other character. It is a
 * number that no 32 bits make, so that no object is needed for both.
 */
export function readHex(text: string, at: number): number {
  let bits = 0;
  let all = 0;
  for (let index = at; index < at + 8; index++) {
    const digit = hexDigitAt(text, index);
    all |= digit;
    bits = (bits << 4) | digit;
  }
  return all < 0 ? MALFORMED : bits;
}

export const MALFORMED = 2 ** 32;
