// A signature that differs when a file has changed. It describes the file that a path leads to now, so that a switched symbolic link
// counts as a change (certbot's live/, Kubernetes' ..data). Files are polled rather than watched, which works on every file system.

import { type BigIntStats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { errorCode } from '../config/error-code.ts';

/** Never rejects: a missing file has a signature, too. */
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

/** The signature of one file, read synchronously. Never throws. */
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
