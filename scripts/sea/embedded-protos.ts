// Takes the place of @grpc/proto-loader in the single executable, which has no files: the descriptions of services are
// assets there, made when it was built. Must find the same that the real loader would.

import { getAssetKeys, getRawAsset } from 'node:sea';
import {
  loadFileDescriptorSetFromBuffer,
  type Options,
  type PackageDefinition,
} from '../../node_modules/@grpc/proto-loader/build/src/index.js';

export * from '../../node_modules/@grpc/proto-loader/build/src/index.js';

/** @param file a path, of which the end is the name of an asset */
export function loadSync(file: string, options?: Options): PackageDefinition {
  const key = getAssetKeys().find((name) => name.endsWith('.proto') && file.endsWith(name));
  if (key === undefined) throw new Error(`${file} is not part of this executable`);
  const set = getRawAsset(key);
  return loadFileDescriptorSetFromBuffer(
    typeof set === 'string' ? Buffer.from(set) : Buffer.from(set),
    options,
  );
}
