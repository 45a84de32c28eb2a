// Replaces @grpc/proto-loader in the single executable, which has no .proto files: it reads the descriptor sets that were embedded
// as assets at build time. It must return the same as the real loader.

import { getAssetKeys, getRawAsset } from 'node:sea';
import {
  loadFileDescriptorSetFromBuffer,
  type Options,
  type PackageDefinition,
} from '../../node_modules/@grpc/proto-loader/build/src/index.js';

export * from '../../node_modules/@grpc/proto-loader/build/src/index.js';

/** @param file a path that ends with the name of an asset */
export function loadSync(file: string, options?: Options): PackageDefinition {
  const key = getAssetKeys().find((name) => name.endsWith('.proto') && file.endsWith(name));
  if (key === undefined) throw new Error(`${file} is not part of this executable`);
  const set = getRawAsset(key);
  return loadFileDescriptorSetFromBuffer(
    typeof set === 'string' ? Buffer.from(set) : Buffer.from(set),
    options,
  );
}
