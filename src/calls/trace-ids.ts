// Ids of traces and spans as numbers of 32 bits: four for a trace, two for a span. A traced call has several ids, and as strings they would
// cost more than all else that traces do to it. They become text where they are written.

import { randomFillSync } from 'node:crypto';

/**
 * Makes ids by the generator sfc32, which begins at random bytes of the system. Ids have to be unique and evenly spread, which is what
 * samplers need; they are no secrets. Random bytes of the system for each id would cost more than writing the id into the header.
 */
export class TraceIds {
  readonly #state = new Int32Array(4);

  constructor() {
    randomFillSync(this.#state);
    this.#state[3] = 1;
    // The first numbers depend on few bits of the beginning.
    for (let count = 0; count < 12; count++) this.next();
  }

  /** @returns 32 random bits, as a signed number */
  next(): number {
    const state = this.#state;
    const b = state[1];
    const c = state[2];
    const counter = state[3];
    const sum = (state[0] + b + counter) | 0;
    state[3] = (counter + 1) | 0;
    state[0] = b ^ (b >>> 9);
    state[1] = (c + (c << 3)) | 0;
    state[2] = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum;
  }
}

/** The two hex digits of each byte, the first one in the higher half. */
const HEX_PAIRS = Uint16Array.from({ length: 256 }, (_, byte) =>
  Buffer.from(byte.toString(16).padStart(2, '0'), 'latin1').readUInt16BE(),
);

/**
 * Writes 32 bits as 8 lower-case hex digits. Four digits at once take half the time of one after the other, and each traced call writes its ids
 * twice.
 * @returns the offset after them
 */
export function writeHex(target: DataView, offset: number, bits: number): number {
  target.setUint32(offset, (HEX_PAIRS[bits >>> 24] << 16) | HEX_PAIRS[(bits >>> 16) & 255]);
  target.setUint32(offset + 4, (HEX_PAIRS[(bits >>> 8) & 255] << 16) | HEX_PAIRS[bits & 255]);
  return offset + 8;
}

const written = Buffer.allocUnsafeSlow(16);
const writtenView = viewOf(written);

/** @returns what `writeHex` writes to: the same bytes */
export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** @returns two numbers of 32 bits as 16 hex digits. Makes a string, so it should not be called for each call */
export function hexText(high: number, low: number): string {
  writeHex(writtenView, writeHex(writtenView, 0, high), low);
  return written.toString('latin1');
}

/** The values of the characters of one byte as lower-case hex digits, -1 for all others. */
const DIGIT_VALUES = Int8Array.from({ length: 256 }, (_, code) =>
  code < 0x80 ? '0123456789abcdef'.indexOf(String.fromCharCode(code)) : -1,
);

/** The value of a lower-case hex digit, or -1. */
export function hexDigitAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  // NaN beyond the end of the text.
  return code < 256 ? DIGIT_VALUES[code] : -1;
}

/**
 * Reads several numbers of 8 lower-case hex digits each, and says at the end whether all digits were some. One object serves all calls: a
 * result for each number that may also be "none" would be an object, or a number that V8 keeps as one.
 */
export class HexReader {
  /** Below 0 once a character was no lower-case hex digit. */
  #digits = 0;

  begin(): void {
    this.#digits = 0;
  }

  get isHex(): boolean {
    return this.#digits >= 0;
  }

  /** @returns 32 bits, as a signed number; any number if they are no hex digits */
  read(text: string, at: number): number {
    const digit0 = hexDigitAt(text, at);
    const digit1 = hexDigitAt(text, at + 1);
    const digit2 = hexDigitAt(text, at + 2);
    const digit3 = hexDigitAt(text, at + 3);
    const digit4 = hexDigitAt(text, at + 4);
    const digit5 = hexDigitAt(text, at + 5);
    const digit6 = hexDigitAt(text, at + 6);
    const digit7 = hexDigitAt(text, at + 7);
    this.#digits |= digit0 | digit1 | digit2 | digit3 | digit4 | digit5 | digit6 | digit7;
    const high = (digit0 << 28) | (digit1 << 24) | (digit2 << 20) | (digit3 << 16);
    return high | (digit4 << 12) | (digit5 << 8) | (digit6 << 4) | digit7;
  }
}
