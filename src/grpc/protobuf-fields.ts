// Reads a message of Protocol Buffers field by field. Whatever the bytes are, nothing is thrown.

import { LENGTH_DELIMITED, ProtobufReader, VARINT } from './protobuf-reader.ts';

/**
 * Receives a number for a field of an integer type, an enum or bool, and bytes for one that holds text, bytes or a message.
 * @returns false to read no further: the message is refused
 */
export type FieldHandler = (field: number, value: number | Buffer) => boolean;

/**
 * Fields of other wire types are skipped.
 * @returns false if the bytes are no message, or the handler refuses one of its fields
 */
export function eachField(message: Buffer, handle: FieldHandler): boolean {
  const reader = new ProtobufReader(message);
  while (!reader.isAtEnd) {
    const tag = reader.readVarint();
    if (tag === undefined) return false;
    const [field, wireType] = [Math.floor(tag / 8), tag % 8];
    if (field === 0) return false;
    if (wireType === VARINT || wireType === LENGTH_DELIMITED) {
      const value = wireType === VARINT ? reader.readVarint() : reader.readBytes();
      if (value === undefined || !handle(field, value)) return false;
    } else if (!reader.skip(wireType)) return false;
  }
  return true;
}
