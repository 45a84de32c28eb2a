// What tells that files are others than before: by the file a path leads to now, so that a switched symbolic link counts
// (certbot's live/, Kubernetes' ..data), and looked at rather than watched, which works on every file system.

import { stat } from 'node:fs/promises';
import { errorCode } from '../config/error-code.ts';

/** Never rejects: a file that is not there has a signature too. */
export async function signatureOf(files: readonly string[]): Promise<string> {
  return (await Promise.all(files.map(signatureOfOne))).join(' ');
}

async function signatureOfOne(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch (error) {
    return errorCode(error) ?? 'unknown';
  }
}
