// The few protobuf messages that a suite's runner exchanges with the adapter: fields by number, length-delimited or varint,
// and the messages behind their four bytes of length. Numbers above 2^32 do not occur.

export interface FieldValues {
  readonly numbers: ReadonlyMap<number, number>;
  readonly bytes: ReadonlyMap<number, Buffer>;
}

const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** The last value of each field. */
export function readFields(message: Buffer): FieldValues {
  const numbers = new Map<number, number>();
  const bytes = new Map<number, Buffer>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message.readUInt8(at++);
      value += (byte & 0x7f) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const field = Math.floor(key / 8);
    if (key % 8 === VARINT) numbers.set(field, varint());
    else if (key % 8 === LENGTH_DELIMITED) {
      const length = varint();
      bytes.set(field, message.subarray(at, at + length));
      at += length;
    } else throw new Error(`a protobuf field of wire type ${key % 8}`);
  }
  return { numbers, bytes };
}

export function numberField(field: number, value: number): Buffer {
  return Buffer.concat([varintOf(field * 8 + VARINT), varintOf(value)]);
}

export function bytesField(field: number, value: Buffer): Buffer {
  return Buffer.concat([varintOf(field * 8 + LENGTH_DELIMITED), varintOf(value.length), value]);
}

/** A message as it goes through a pipe. */
export function withLength(message: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  return Buffer.concat([length, message]);
}

/** The first message that a stream brings. */
export async function readMessage(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  let received = Buffer.alloc(0);
  for await (const piece of stream) {
    received = Buffer.concat([received, piece]);
    if (received.length < 4) continue;
    const end = 4 + received.readUInt32BE(0);
    if (received.length >= end) return received.subarray(4, end);
  }
  throw new Error('the stream ended before its first message was whole');
}

function varintOf(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}
