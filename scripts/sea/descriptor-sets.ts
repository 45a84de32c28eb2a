// Compiles the .proto files of the demo service, of health and of reflection for embedding: each one becomes a
// google.protobuf.FileDescriptorSet.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadSync } from '@grpc/proto-loader';

/** Every path by which a file is requested ends with its name here. */
const files: readonly (readonly [name: string, folder: string])[] = [
  ['voice.proto', 'proto'],
  ['health/v1/health.proto', 'node_modules/grpc-health-check/proto'],
  ['grpc/reflection/v1/reflection.proto', 'node_modules/@grpc/reflection/build/proto'],
  ['grpc/reflection/v1alpha/reflection.proto', 'node_modules/@grpc/reflection/build/proto'],
];

/** Writes the descriptor sets to `work`. @returns the path of each, by the name of its asset */
export function embeddedProtos(root: string, work: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    files.map(([name, folder]) => {
      const output = join(work, `${name.replaceAll('/', '-')}.bin`);
      writeFileSync(output, descriptorSetOf(join(root, folder, name)));
      return [name, output];
    }),
  );
}

function descriptorSetOf(file: string): Buffer {
  for (const definition of Object.values(loadSync(file))) {
    if ('fileDescriptorProtos' in definition && Array.isArray(definition.fileDescriptorProtos)) {
      return Buffer.concat(definition.fileDescriptorProtos.flatMap((one: Buffer) => [lengthOf(one), one]));
    }
  }
  throw new Error(`${file} has no message`);
}

/** @returns the prefix of a repeated message: the tag of field 1, then the length as a varint */
function lengthOf(message: Buffer): Buffer {
  const bytes = [0x0a];
  let rest = message.length;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
