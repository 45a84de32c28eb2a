// The .proto files of the demo service, of health and of reflection as they are embedded: each compiled, as a
// google.protobuf.FileDescriptorSet.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadSync } from '@grpc/proto-loader';

/** The name is the end of every path by which the file is asked for. */
const files: readonly (readonly [name: string, folder: string])[] = [
  ['voice.proto', 'proto'],
  ['health/v1/health.proto', 'node_modules/grpc-health-check/proto'],
  ['grpc/reflection/v1/reflection.proto', 'node_modules/@grpc/reflection/build/proto'],
  ['grpc/reflection/v1alpha/reflection.proto', 'node_modules/@grpc/reflection/build/proto'],
];

/** Writes them to `work`. @returns their files by the names of the assets */
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

/** Field 1, and the length as a varint: what stands before each of a repeated message. */
function lengthOf(message: Buffer): Buffer {
  const octets = [0x0a];
  let rest = message.length;
  for (; rest > 127; rest >>>= 7) octets.push((rest & 127) | 128);
  octets.push(rest);
  return Buffer.from(octets);
}
