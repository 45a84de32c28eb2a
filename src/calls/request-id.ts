// Ids for x-request-id: unique among processes and restarts, not secret. Two ids of one process tell how many calls
// lay between them, so nothing may ever be authorised by one. Makes no string unless text() is asked for it.

import { randomBytes } from 'node:crypto';

const hexDigits = Buffer.from('0123456789abcdef', 'latin1');
const processDigits = 20;
const lowDigits = 4;
const lowRange = 16 ** lowDigits;

/**
 * One per process. `next()` gives a number, which is what an exchange keeps; `write` and `text` give the id that it
 * stands for: 20 random hex digits drawn at start, then 12 that count up from a random beginning.
 */
export class RequestIds {
  /** Octets of every id. */
  readonly length = 32;
  readonly #beginning: number;
  /** The id rendered last. Its upper 28 digits change once in 65,536 ids. */
  readonly #rendered: Buffer;
  #renderedHigh = -1;
  #last = -1;

  constructor() {
    this.#beginning = randomBytes(5).readUIntBE(0, 5);
    this.#rendered = Buffer.from(randomBytes(processDigits / 2).toString('hex') + '0'.repeat(12), 'latin1');
  }

  /** A number never given before: small integers, counted up. */
  next(): number {
    this.#last += 1;
    return this.#last;
  }

  /** Writes the id of this number as `length` octets of lower-case hex. */
  write(number: number, target: Buffer, offset: number): void {
    const value = this.#beginning + number;
    const high = Math.floor(value / lowRange);
    if (high !== this.#renderedHigh) this.#renderHigh(high);
    const low = value - high * lowRange;
    target.set(this.#rendered, offset);
    target[offset + 28] = hexDigits[low >>> 12];
    target[offset + 29] = hexDigits[(low >>> 8) & 15];
    target[offset + 30] = hexDigits[(low >>> 4) & 15];
    target[offset + 31] = hexDigits[low & 15];
  }

  /** The same id as a string, for what is not called once per exchange. */
  text(number: number): string {
    const bytes = Buffer.alloc(this.length);
    this.write(number, bytes, 0);
    return bytes.toString('latin1');
  }

  #renderHigh(high: number): void {
    this.#rendered.write(high.toString(16).padStart(8, '0'), processDigits, 'latin1');
    this.#renderedHigh = high;
  }
}
