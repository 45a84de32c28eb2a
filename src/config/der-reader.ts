// Reads DER (ITU-T X.690) element by element, as far as certificates and OCSP responses need it. Whatever the bytes are, it throws
// nothing but DerError.

export class DerError extends Error {}

export interface DerElement {
  /** The identifier byte: class, form and number. */
  readonly tag: number;
  readonly content: Buffer;
  /** The whole element, including its identifier and length. */
  readonly bytes: Buffer;
}

/** Identifier bytes. The ASN.1 tag [N] is `context(N)`, or `constructed(N)` if it contains elements. */
export const DER_BOOLEAN = 0x01;
export const DER_INTEGER = 0x02;
export const DER_BIT_STRING = 0x03;
export const DER_OCTET_STRING = 0x04;
export const DER_OBJECT_IDENTIFIER = 0x06;
export const DER_ENUMERATED = 0x0a;
export const DER_GENERALIZED_TIME = 0x18;
export const DER_SEQUENCE = 0x30;

export function context(number: number): number {
  return 0x80 | number;
}

export function constructed(number: number): number {
  return 0xa0 | number;
}

/** Four bytes can express a length greater than that of any file that is read here. */
const MOST_LENGTH_BYTES = 4;
const HIGH_TAG_NUMBER = 0x1f;

export class DerReader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#position === this.#bytes.length;
  }

  /** Reads the next element. @param tag the tag it must have. By default any tag is accepted. */
  next(tag?: number): DerElement {
    const start = this.#position;
    const found = this.#byte();
    if ((found & HIGH_TAG_NUMBER) === HIGH_TAG_NUMBER) throw new DerError('a tag number is too high');
    if (tag !== undefined && found !== tag) throw new DerError(`there is a tag ${found} in place of ${tag}`);
    const length = this.#length();
    const end = this.#position + length;
    if (end > this.#bytes.length) throw new DerError('an element is cut off');
    const content = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return { tag: found, content, bytes: this.#bytes.subarray(start, end) };
  }

  /** Reads the next element, which must have this tag. @returns a reader of its content */
  enter(tag: number): DerReader {
    return new DerReader(this.next(tag).content);
  }

  /** Throws if anything follows what has been read. */
  end(): void {
    if (!this.isAtEnd) throw new DerError('something follows its end');
  }

  /** Reads an OPTIONAL element. Returns undefined and reads nothing if there is no next element or it has another tag. */
  optional(tag: number): DerElement | undefined {
    return !this.isAtEnd && this.#bytes[this.#position] === tag ? this.next() : undefined;
  }

  #byte(): number {
    if (this.isAtEnd) throw new DerError('an element is missing');
    return this.#bytes[this.#position++];
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > MOST_LENGTH_BYTES) throw new DerError('a length is not of DER');
    let length = 0;
    for (let index = 0; index < count; index++) length = length * 256 + this.#byte();
    return length;
  }
}
