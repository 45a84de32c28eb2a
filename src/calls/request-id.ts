// Ids for x-request-id. They are unique across processes and restarts, but not secret: two ids of one process reveal how many calls came
// between them, so an id must never authorise anything. Only text() makes a string.

import { randomBytes } from 'node:crypto';

const hexDigits = Buffer.from('0123456789abcdef', 'latin1');
const processDigits = 20;
const lowDigits = 4;
const lowRange = 16 ** lowDigits;

/**
 * One object per process. An exchange keeps the number that next() returns; write() and text() convert the number to its id. An id has 20
 * random hex digits that are drawn at startup, and 12 that count up from a random value.
 */
export class RequestIds {
  /** The length of each id in bytes. */
  readonly length = 32;
  readonly #beginning: number;
  /** The id with its first 28 digits up to date. These digits change once in 65,536 ids. */
  readonly #rendered: Buffer;
  #renderedHigh = -1;
  #last = -1;

  constructor() {
    this.#beginning = randomBytes(5).readUIntBE(0, 5);
    this.#rendered = Buffer.from(randomBytes(processDigits / 2).toString('hex') + '0'.repeat(12), 'latin1');
  }

  /** @returns a new number. Numbers count up from 0. */
  next(): number {
    this.#last += 1;
    return this.#last;
  }

  /** Writes the id of this number as `length` bytes of lower-case hex. */
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

  /** @returns the id of this number as a string. Allocates, so it should not be called for each exchange. */
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
