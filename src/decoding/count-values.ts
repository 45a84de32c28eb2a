// Counts the values in the bytes of a message before it is decoded. Each becomes objects, which are many times larger than the two bytes of an
// empty message.

import { visitFields, WireType } from './wire-fields.ts';

interface CountedField {
  readonly number: number;
  readonly fieldKind: string;
  readonly message?: unknown;
  readonly listKind?: string;
  /** The number of a type in google.protobuf.FieldDescriptorProto.Type. */
  readonly scalar?: number | undefined;
}

/** The part of the descriptor of a message that says where further messages are in it. */
export interface CountedType {
  readonly typeName: string;
  readonly fields: readonly CountedField[];
}

export interface CountLimits {
  readonly mostValues: number;
  /** @returns the type of an Any, if it is known */
  readonly typeNamed: (name: string) => CountedType | undefined;
}

/** Messages in each other. */
const DEEPEST = 100;
const VALUE_OF_ENTRY = 2;
/** The bytes of numbers with a fixed size, by their types: double, float, fixed64, fixed32, sfixed32, sfixed64. */
const FIXED_BYTES: ReadonlyMap<number, number> = new Map([
  [1, 8],
  [2, 4],
  [6, 8],
  [7, 4],
  [15, 4],
  [16, 8],
]);
/** Types whose values cannot be packed: string, group, message, bytes. */
const NEVER_PACKED: ReadonlySet<number> = new Set([9, 10, 11, 12]);
/** An enum has no number of a scalar. Its values are varints, as those of int32 are. */
const AS_VARINT = 5;

/** Throws an Error with a sentence if there are more values than the limit, or if messages are nested too deep. */
export function boundValues(type: CountedType, bytes: Uint8Array, limits: CountLimits): void {
  const { buffer, byteOffset, byteLength } = bytes;
  new Count(limits).add(type, Buffer.from(buffer, byteOffset, byteLength), 0);
}

/** A field that may have many values in its content. */
type Inner =
  | { readonly kind: 'message' | 'map'; readonly type: CountedType }
  | { readonly kind: 'packed'; readonly scalar: number };

class Count {
  readonly #limits: CountLimits;
  readonly #innerOf = new Map<CountedType, ReadonlyMap<number, Inner>>();
  #values = 0;

  constructor(limits: CountLimits) {
    this.#limits = limits;
  }

  add(type: CountedType, bytes: Buffer, depth: number): void {
    if (depth > DEEPEST) throw new Error(`messages are nested more than ${DEEPEST} deep`);
    if (type.typeName === 'google.protobuf.Any') this.#addAny(bytes, depth);
    const inner = this.#innerFields(type);
    visitFields(bytes, ({ number, wireType, content }) => {
      this.#spend(1);
      if (wireType !== WireType.LENGTH_DELIMITED) return;
      const found = inner.get(number);
      if (found === undefined) return;
      if (found.kind === 'packed') this.#spend(packedValues(found.scalar, content));
      else if (found.kind === 'message') this.add(found.type, content, depth + 1);
      else
        visitFields(content, (entry) => {
          this.#spend(1);
          if (entry.number === VALUE_OF_ENTRY) this.add(found.type, entry.content, depth + 1);
        });
    });
  }

  #addAny(bytes: Buffer, depth: number): void {
    let name = '';
    let value = bytes.subarray(0, 0);
    visitFields(bytes, (field) => {
      this.#spend(1);
      if (field.number === 1) name = String(field.content).split('/').at(-1) ?? '';
      else if (field.number === 2) value = field.content;
    });
    const type = this.#limits.typeNamed(name);
    if (type !== undefined) this.add(type, value, depth + 1);
  }

  #innerFields(type: CountedType): ReadonlyMap<number, Inner> {
    const known = this.#innerOf.get(type);
    if (known !== undefined) return known;
    const made = new Map<number, Inner>();
    for (const field of type.fields) {
      const inner = innerOf(field);
      if (inner !== undefined) made.set(field.number, inner);
    }
    this.#innerOf.set(type, made);
    return made;
  }

  #spend(values: number): void {
    this.#values += values;
    const { mostValues } = this.#limits;
    if (this.#values > mostValues) throw new Error(`there are more than ${mostValues} values in it`);
  }
}

function innerOf({ message, fieldKind, listKind, scalar = AS_VARINT }: CountedField): Inner | undefined {
  if (isType(message)) return { kind: fieldKind === 'map' ? 'map' : 'message', type: message };
  const isList = fieldKind === 'list' && listKind !== 'message';
  return isList && !NEVER_PACKED.has(scalar) ? { kind: 'packed', scalar } : undefined;
}

function packedValues(scalar: number, content: Buffer): number {
  const fixedBytes = FIXED_BYTES.get(scalar);
  if (fixedBytes !== undefined) return Math.floor(content.length / fixedBytes);
  let values = 0;
  for (const byte of content) if (byte < 0x80) values++;
  return values;
}

function isType(message: unknown): message is CountedType {
  return typeof message === 'object' && message !== null && 'typeName' in message && 'fields' in message;
}
