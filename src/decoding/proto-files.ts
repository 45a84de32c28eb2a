// Parses .proto files into descriptors. Only this file imports protobufjs. It decodes no message.

import { existsSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor/index.js';

/**
 * @param files names of .proto files. @param folders where imports are looked for before the folders of the files themselves
 * @returns a FileDescriptorSet whose names `makeWhole` must complete. Throws an Error whose message says what is wrong
 */
export function descriptorSetOf(files: readonly string[], folders: readonly string[]): Uint8Array {
  const root = new protobuf.Root();
  const places = [...folders, ...files.map((file) => dirname(file)), '.'];
  root.resolvePath = (_origin, target) => placeOf(target, places);
  root.loadSync([...files], { keepCase: true });
  root.resolveAll();
  return descriptor.FileDescriptorSet.encode(root.toDescriptor('proto3')).finish();
}

/** @returns the target itself if there is no such file: it is a well-known one of protobufjs, or missing */
function placeOf(target: string, places: readonly string[]): string {
  if (isAbsolute(target) || existsSync(target)) return target;
  const found = places.map((place) => resolve(place, target)).find((file) => existsSync(file));
  return found ?? target;
}
