// Writes to standard error without waiting for its reader, which may be a stopped terminal or a full disk. process.stderr would block on
// the one, and throw for the other where nothing handles its errors. What standard error does not take is dropped.

import { fstatSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { DescriptorWriter } from './descriptor-writer.ts';
import { harmlessText } from './json-text.ts';

const STDERR = 2;
/** How long a line may block until standard error has taken it. */
const TAKEN_WITHIN_MS = 100;
/** The maximum amount that waits for standard error; beyond it, what comes is dropped. */
const MOST_WAITING_BYTES = 64 * 1024;

let writer: DescriptorWriter | undefined;
let isFile: boolean | undefined;

/** Writes one line, which may be the last one of this process: blocks until it is taken, but only briefly. Never throws. */
export function tellOnStandardError(line: string): void {
  const bytes = Buffer.from(`${line}\n`);
  if (takesAtOnce()) writeNow(bytes);
  else push(bytes).writeAllSync(TAKEN_WITHIN_MS);
}

/**
 * Passes on what a process of this proxy has written, mostly the last words of Node. Packages may quote a server or a client there, so nothing
 * reaches a terminal that it would interpret. Waits for no reader, and never throws.
 */
export function passOnLastWords(bytes: Buffer): void {
  passToStandardError(Buffer.from(bytes.toString('utf8').replace(/[^\n\t]+/g, harmlessText)));
}

/** Writes without waiting for a reader, and never throws. */
export function passToStandardError(bytes: Buffer): void {
  if (takesAtOnce()) writeNow(bytes);
  else push(bytes);
}

/** Whether it is a file, or a device such as /dev/null: there is no reader, and the pool of Node would only mix up the order. */
function takesAtOnce(): boolean {
  isFile ??= !isatty(STDERR) && hasNoReader();
  return isFile;
}

function hasNoReader(): boolean {
  try {
    const status = fstatSync(STDERR);
    return status.isFile() || status.isCharacterDevice();
  } catch {
    return false;
  }
}

function writeNow(bytes: Buffer): void {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(STDERR, bytes, at);
  } catch {
    // The disk is full, for example. There is no other place to say so.
  }
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
