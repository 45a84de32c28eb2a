// Writes to standard error without waiting for its reader, which may be a stopped terminal or a full disk. process.stderr would block on
// the one, and throw for the other where nothing handles its errors. What standard error does not take is dropped.

import { DescriptorWriter } from './descriptor-writer.ts';

const STDERR = 2;
/** How long a line may block until standard error has taken it. */
const TAKEN_WITHIN_MS = 100;
/** The maximum amount that waits for standard error; beyond it, what comes is dropped. */
const MOST_WAITING_BYTES = 64 * 1024;

let writer: DescriptorWriter | undefined;

/** Writes one line, which may be the last one of this process: blocks until it is taken, but only briefly. Never throws. */
export function tellOnStandardError(line: string): void {
  push(Buffer.from(`${line}\n`)).writeAllSync(TAKEN_WITHIN_MS);
}

/** Passes on what another process has written. Never blocks, and never throws. */
export function passToStandardError(bytes: Buffer): void {
  push(bytes);
}

function push(bytes: Buffer): DescriptorWriter {
  writer ??= new DescriptorWriter({
    fd: STDERR,
    isShared: false,
    onWritten: () => undefined,
    onRefused: () => undefined,
  });
  if (writer.pendingBytes < MOST_WAITING_BYTES) writer.push(bytes, bytes.length);
  return writer;
}
