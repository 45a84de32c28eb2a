// Reads a file, or standard input, up to a limit. The file size that the system reports is not trusted: files of /proc report none, and
// some never end.

import { closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { readingFault } from '../config/system-error.ts';

const LARGEST_BYTES = 64 * 1_048_576;
const PIECE_BYTES = 1_048_576;
const TOO_LARGE = `it is larger than ${LARGEST_BYTES / 1_048_576} MiB`;

/** @param file 0 is standard input. @returns a sentence about why it cannot be read */
export function readBytes(file: string | 0): Buffer | string {
  try {
    if (file === 0) return readToEnd(0);
    // A shell passes these as pipes, to which another program still writes.
    const isPassed = file.startsWith('/dev/fd/');
    const found = statSync(file);
    if (!found.isFile() && !found.isDirectory() && !isPassed) return 'it is no regular file';
    if (found.size > LARGEST_BYTES) return TOO_LARGE;
    // Without waiting: a regular file of /proc may be one that has nothing to read yet.
    const descriptor = openSync(
      file,
      isPassed ? constants.O_RDONLY : constants.O_RDONLY | constants.O_NONBLOCK,
    );
    try {
      return readToEnd(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    return readingFault(error);
  }
}

function readToEnd(descriptor: number): Buffer | string {
  const pieces: Buffer[] = [];
  for (let length = 0; length <= LARGEST_BYTES; ) {
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    const count = readSync(descriptor, piece);
    if (count === 0) return Buffer.concat(pieces);
    // A pipe gives little at once, and would keep as many pieces alive.
    pieces.push(count === PIECE_BYTES ? piece : Buffer.from(piece.subarray(0, count)));
    length += count;
  }
  return TOO_LARGE;
}
