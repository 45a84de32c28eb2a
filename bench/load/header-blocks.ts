// Hand-made HPACK (RFC 7541) for the few blocks that the load generator and the echo service send. Constant fields enter the peer's
// dynamic table with the first block of a connection and are then referenced by index, as in every gRPC library. Changing metadata
// is sent as literals without indexing, as in gRPC's C core (Python, C++, Ruby).

const LITERAL = 0x00;
const INDEXING = 0x40;
const INDEXED = 0x80;
const SIZE_UPDATE = 0x20;
const DEFAULT_TABLE_BYTES = 4096;
/** The first index after the static table. */
const FIRST_DYNAMIC = 62;
const NOTHING = Buffer.alloc(0);

const STATIC_NAMES: Readonly<Record<string, number>> = {
  ':authority': 1,
  ':path': 4,
  'content-type': 31,
  'user-agent': 58,
};

export type Fields = readonly (readonly [name: string, value: string])[];

/** @returns the number of bytes in names and values, which a proxy must look at however they are encoded */
export function fieldBytes(fields: Fields): number {
  return fields.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}

export class BlockSeries {
  readonly #sizeUpdate: Buffer;
  readonly #first: Buffer;
  readonly #later: Buffer;
  #isFirst = true;

  /**
   * @param ready bytes of every block, which are indexed fields of the static table
   * @param fixed the fields of every block, in order
   * @param tableBytes the size of the peer's table; if the fields do not fit, all of them are literals in every block
   */
  constructor(ready: readonly number[], fixed: Fields, tableBytes: number) {
    const needed = fixed.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    const hasRoom = needed <= tableBytes;
    const literals = fixed.map(([name, value]) => literal(hasRoom ? INDEXING : LITERAL, name, value));
    // A reduced table size must be acknowledged at the beginning of the next block (RFC 7541 section 4.2).
    this.#sizeUpdate = Buffer.from(
      tableBytes < DEFAULT_TABLE_BYTES ? integer(SIZE_UPDATE, 5, tableBytes) : [],
    );
    this.#first = Buffer.concat([Buffer.from(ready), ...literals]);
    const indexes = fixed.map((_, index) => INDEXED | (FIRST_DYNAMIC + fixed.length - 1 - index));
    this.#later = hasRoom ? Buffer.from([...ready, ...indexes]) : this.#first;
  }

  /** @returns the next block of the connection, with the encoded fields `before` in front and `behind` after it */
  next(before: Buffer = NOTHING, behind: Buffer = NOTHING): Buffer {
    if (!this.#isFirst) return Buffer.concat([before, this.#later, behind]);
    this.#isFirst = false;
    return Buffer.concat([this.#sizeUpdate, before, this.#first, behind]);
  }
}

/** Encodes a field without indexing. */
export function plainField(name: string, value: string): Buffer {
  return literal(LITERAL, name, value);
}

function literal(kind: number, name: string, value: string): Buffer {
  const index = STATIC_NAMES[name];
  const prefixBits = kind === INDEXING ? 6 : 4;
  const head =
    index === undefined
      ? Buffer.concat([Buffer.from([kind]), text(name)])
      : Buffer.from(integer(kind, prefixBits, index));
  return Buffer.concat([head, text(value)]);
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from(integer(0, 7, value.length)), Buffer.from(value, 'latin1')]);
}

/** Encodes an integer (RFC 7541 section 5.1). */
function integer(kind: number, prefixBits: number, value: number): number[] {
  const most = (1 << prefixBits) - 1;
  if (value < most) return [kind | value];
  const bytes = [kind | most];
  let left = value - most;
  for (; left >= 128; left >>>= 7) bytes.push((left & 127) | 128);
  bytes.push(left);
  return bytes;
}
