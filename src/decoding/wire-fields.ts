// The fields of a protobuf message as they are on the wire, without a descriptor. The bytes may be anything, and may end anywhere.

export const WireType = { VARINT: 0, FIXED64: 1, LENGTH_DELIMITED: 2, FIXED32: 5 } as const;

export interface WireField {
  readonly number: number;
  readonly wireType: number;
  /** The content of a field with a length, otherwise no bytes. */
  readonly content: Buffer;
}

export interface WireFields {
  /** The fields that are there completely, in their order. */
  readonly fields: readonly WireField[];
  /** Where the last of them ends. Less than the length of the message if it is cut or malformed there. */
  readonly end: number;
}

const NOTHING = Buffer.alloc(0);
const LONGEST_VARINT_BYTES = 10;

/** Each field is an object, and an empty one has only two bytes. */
const MOST_FIELDS = 100_000;

/** Throws an Error with a sentence if there are more than 100,000 fields. */
export function wireFieldsOf(bytes: Buffer): WireFields {
  const fields: WireField[] = [];
  const end = visitFields(bytes, (field) => {
    if (fields.length >= MOST_FIELDS)
      throw new Error(`there are more than ${MOST_FIELDS} fields in one of its messages`);
    fields.push(field);
  });
  return { fields, end };
}

/**
 * Keeps nothing of the fields, so their number does not matter.
 * @returns where the last complete field ends
 */
export function visitFields(bytes: Buffer, visit: (field: WireField) => void): number {
  const cursor = { at: 0 };
  let end = 0;
  while (cursor.at < bytes.length) {
    const field = readField(bytes, cursor);
    if (field === undefined) break;
    visit(field);
    end = cursor.at;
  }
  return end;
}

/** @returns undefined if the bytes end before the field does, or are no field. Groups, which nobody uses any more, count as such. */
function readField(bytes: Buffer, cursor: { at: number }): WireField | undefined {
  const tag = readVarint(bytes, cursor);
  if (tag === undefined) return undefined;
  const [number, wireType] = [Math.floor(tag / 8), tag % 8];
  const size = sizeOf(wireType, bytes, cursor);
  if (number === 0 || size === undefined || size > bytes.length - cursor.at) return undefined;
  const start = cursor.at;
  cursor.at += size;
  const content = wireType === WireType.LENGTH_DELIMITED ? bytes.subarray(start, cursor.at) : NOTHING;
  return { number, wireType, content };
}

/** @returns how many bytes the value has behind the cursor */
function sizeOf(wireType: number, bytes: Buffer, cursor: { at: number }): number | undefined {
  switch (wireType) {
    case WireType.VARINT:
      return readVarint(bytes, cursor) === undefined ? undefined : 0;
    case WireType.FIXED64:
      return 8;
    case WireType.LENGTH_DELIMITED:
      return readVarint(bytes, cursor);
    case WireType.FIXED32:
      return 4;
    default:
      return undefined;
  }
}

function readVarint(bytes: Buffer, cursor: { at: number }): number | undefined {
  let value = 0;
  let factor = 1;
  for (let read = 0; read < LONGEST_VARINT_BYTES && cursor.at < bytes.length; read++) {
    const byte = bytes[cursor.at++];
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value;
    factor *= 128;
  }
  return undefined;
}

/** @returns the content of all fields with this number and a length */
export function contentsOf({ fields }: WireFields, number: number): readonly Buffer[] {
  return fields
    .filter((field) => field.number === number && field.wireType === WireType.LENGTH_DELIMITED)
    .map(({ content }) => content);
}

/** Writes a field with a length. @param number below 16 */
export function lengthDelimited(number: number, content: Buffer): Buffer {
  const length: number[] = [];
  let left = content.length;
  while (left >= 0x80) {
    length.push((left % 0x80) + 0x80);
    left = Math.floor(left / 0x80);
  }
  return Buffer.concat([Buffer.from([number * 8 + WireType.LENGTH_DELIMITED, ...length, left]), content]);
}
