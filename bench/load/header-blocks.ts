// HPACK by hand for the few blocks the load generator and the echo service send (RFC 7541): fields that stay the same enter the
// peer's dynamic table with the first block of a connection and are named by index after that, as every gRPC library
// does it. Changing metadata goes as literals without indexing, as grpc's C-core (Python, C++, Ruby) sends it.

const LITERAL = 0x00;
const INDEXING = 0x40;
const INDEXED = 0x80;
const SIZE_UPDATE = 0x20;
const DEFAULT_TABLE_BYTES = 4096;
/** The first index behind the static table. */
const FIRST_DYNAMIC = 62;
const NOTHING = Buffer.alloc(0);

const STATIC_NAMES: Readonly<Record<string, number>> = {
  ':authority': 1,
  ':path': 4,
  'content-type': 31,
  'user-agent': 58,
};

export type Fields = readonly (readonly [name: string, value: string])[];

/** Octets of names and values: what a proxy has to look at, however it is encoded. */
export function fieldOctets(fields: Fields): number {
  return fields.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}

export class BlockSeries {
  readonly #sizeUpdate: Buffer;
  readonly #first: Buffer;
  readonly #later: Buffer;
  #isFirst = true;

  /**
   * @param ready octets of every block: indexed fields of the static table
   * @param fixed fields of every block, in order
   * @param tableBytes what the peer gives us of its table; without room every field is a literal, every time
   */
  constructor(ready: readonly number[], fixed: Fields, tableBytes: number) {
    const needed = fixed.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    const hasRoom = needed <= tableBytes;
    const literals = fixed.map(([name, value]) => literal(hasRoom ? INDEXING : LITERAL, name, value));
    // RFC 7541 section 4.2: a table made smaller is acknowledged at the beginning of the next block.
    this.#sizeUpdate = Buffer.from(
      tableBytes < DEFAULT_TABLE_BYTES ? integer(SIZE_UPDATE, 5, tableBytes) : [],
    );
    this.#first = Buffer.concat([Buffer.from(ready), ...literals]);
    const indexes = fixed.map((_, index) => INDEXED | (FIRST_DYNAMIC + fixed.length - 1 - index));
    this.#later = hasRoom ? Buffer.from([...ready, ...indexes]) : this.#first;
  }

  /** The next block of the connection, with `before` (fields that come first) and `behind` it. */
  next(before: Buffer = NOTHING, behind: Buffer = NOTHING): Buffer {
    if (!this.#isFirst) return Buffer.concat([before, this.#later, behind]);
    this.#isFirst = false;
    return Buffer.concat([this.#sizeUpdate, before, this.#first, behind]);
  }
}

/** A field without indexing. */
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

/** RFC 7541 section 5.1. */
function integer(kind: number, prefixBits: number, value: number): number[] {
  const most = (1 << prefixBits) - 1;
  if (value < most) return [kind | value];
  const octets = [kind | most];
  let left = value - most;
  for (; left >= 128; left >>>= 7) octets.push((left & 127) | 128);
  octets.push(left);
  return octets;
}
