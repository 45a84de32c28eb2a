// Descriptors of services, and messages decoded by them. Only this file imports @bufbuild/protobuf. Descriptors come from files or from a service
// that is asked, and messages from anybody: neither is trusted, and both are bounded before they come here.

import {
  create,
  createFileRegistry,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  type JsonValue,
  type MessageShape,
  toJson,
} from '@bufbuild/protobuf';
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_any,
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
} from '@bufbuild/protobuf/wkt';
import type { MessageDirection } from '../grpc/message-watch.ts';
import { boundValues } from './count-values.ts';
import { makeWhole } from './full-names.ts';

/** Files that a set may leave out, as some services do. */
const WELL_KNOWN: ReadonlyMap<string, FileDescriptorProto> = new Map(
  [
    file_google_protobuf_descriptor,
    file_google_protobuf_any,
    file_google_protobuf_duration,
    file_google_protobuf_empty,
    file_google_protobuf_field_mask,
    file_google_protobuf_struct,
    file_google_protobuf_timestamp,
    file_google_protobuf_wrappers,
  ].map(({ proto }) => [proto.name, proto]),
);
/** Imports in a row. */
const DEEPEST_IMPORT = 200;
/** The JSON of a message may be longer than its bytes: names of fields are repeated. */
const MOST_JSON_CHARACTERS = 1024 * 1024;
/** The fields of a message that is decoded, those of messages in it included. */
const MOST_VALUES = 50_000;
/** The same for the descriptors of a service or file: some 80,000 fields of messages. */
const MOST_DESCRIPTOR_VALUES = 500_000;

export interface DescriptorFiles {
  /** Whether each is a FileDescriptorSet, and not a FileDescriptorProto. */
  readonly areSets: boolean;
  readonly files: readonly Uint8Array[];
}

export class Descriptors {
  readonly #registry: FileRegistry;

  private constructor(registry: FileRegistry) {
    this.#registry = registry;
  }

  /** Throws an Error with a sentence if they make no whole. */
  static of({ areSets, files }: DescriptorFiles): Descriptors {
    return areSets ? Descriptors.ofSets(files) : Descriptors.ofFiles(files);
  }

  /** @param files each a FileDescriptorProto, in any order. Throws an Error with a sentence if they make no whole. */
  static ofFiles(files: Iterable<Uint8Array>): Descriptors {
    return Descriptors.#of(Array.from(files, (bytes) => readDescriptor(FileDescriptorProtoSchema, bytes)));
  }

  /** @param sets each a FileDescriptorSet, as `protoc -o` and `buf build -o` write it. Throws an Error if they make no whole. */
  static ofSets(sets: Iterable<Uint8Array>): Descriptors {
    return Descriptors.#of(
      Array.from(sets, (bytes) => readDescriptor(FileDescriptorSetSchema, bytes).file).flat(),
    );
  }

  static #of(files: readonly FileDescriptorProto[]): Descriptors {
    makeWhole(files, [...WELL_KNOWN.values()]);
    const file = inOrderOfImports(files);
    return new Descriptors(createFileRegistry(create(FileDescriptorSetSchema, { file })));
  }

  get services(): readonly string[] {
    return Array.from(this.#registry)
      .filter(({ kind }) => kind === 'service')
      .map(({ typeName }) => typeName);
  }

  /** @returns the type of the messages, or undefined if there is no such service or method */
  typeOf(service: string, method: string, direction: MessageDirection): DescMessage | undefined {
    const found = this.#registry.getService(service)?.methods.find(({ name }) => name === method);
    return direction === 'request' ? found?.input : found?.output;
  }

  /** @returns JSON with the names of fields as in the .proto file. Throws an Error if the bytes are no such message. */
  decode(type: DescMessage, bytes: Uint8Array): JsonValue {
    boundValues(type, bytes, {
      mostValues: MOST_VALUES,
      typeNamed: (name) => this.#registry.getMessage(name),
    });
    const message = fromBinary(type, bytes);
    const json = toJson(type, message, { registry: this.#registry, useProtoFieldName: true });
    if (sizeOf(json, MOST_JSON_CHARACTERS) < 0)
      throw new Error(`its JSON is longer than ${MOST_JSON_CHARACTERS} characters`);
    return json;
  }
}

function readDescriptor<Schema extends DescMessage>(schema: Schema, bytes: Uint8Array): MessageShape<Schema> {
  boundValues(schema, bytes, { mostValues: MOST_DESCRIPTOR_VALUES, typeNamed: () => undefined });
  return fromBinary(schema, bytes);
}

/** @returns each file once, behind all files that it imports */
function inOrderOfImports(files: readonly FileDescriptorProto[]): FileDescriptorProto[] {
  const byName = new Map(files.map((file) => [file.name, file]));
  const ordered = new Map<string, FileDescriptorProto>();
  const add = (name: string, importers: readonly string[]): void => {
    if (ordered.has(name)) return;
    const file = byName.get(name) ?? WELL_KNOWN.get(name);
    if (file === undefined) throw new Error(`the file ${name} is missing, which ${importers.at(-1)} imports`);
    if (importers.includes(name)) throw new Error(`the file ${name} imports itself through others`);
    if (importers.length > DEEPEST_IMPORT)
      throw new Error(`more than ${DEEPEST_IMPORT} files import each other in a row`);
    for (const imported of file.dependency) add(imported, [...importers, name]);
    ordered.set(name, file);
  };
  for (const { name } of files) add(name, []);
  return [...ordered.values()];
}

/** @returns what is left of `room` after the JSON was written into it, or a number below 0. It stops as soon as there is no room. */
function sizeOf(json: JsonValue, room: number): number {
  if (json === null || typeof json !== 'object') return room - (typeof json === 'string' ? json.length : 8);
  let left = room - 2;
  for (const [key, value] of Object.entries(json)) {
    if (left < 0) return left;
    left = sizeOf(value, left - key.length - 4);
  }
  return left;
}
