// What tells that files are others than before: by the file a path leads to now, so that a switched symbolic link counts
// (certbot's live/, Kubernetes' ..data), and looked at rather than watched, which works on every file system.

import { type BigIntStats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { errorCode } from '../config/error-code.ts';

/** Never rejects: a file that is not there has a signature too. */
export async function signatureOf(files: readonly string[]): Promise<string> {
  return (await Promise.all(files.map(signatureOfOne))).join(' ');
}

async function signatureOfOne(file: string): Promise<string> {
  try {
    return textOf(await stat(file, { bigint: true }));
  } catch (error) {
    return errorCode(error) ?? 'unknown';
  }
}

/** Of one file, for a caller that cannot wait. Never throws. */
export function signatureNow(file: string): string {
  try {
    return textOf(statSync(file, { bigint: true }));
  } catch (error) {
    return errorCode(error) ?? 'unknown';
  }
}

function textOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}
