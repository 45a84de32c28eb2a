// The file of `log.file`: opening it, and opening it again when something has moved it away. Each process does this for itself,
// since a file that another process has opened cannot be sent to it later. A file that cannot be opened must cost no line.

import { close, closeSync, constants, fstatSync, openSync } from 'node:fs';
import { writingFault } from '../config/system-error.ts';
import type { LogDestination } from './log-destination.ts';
import type { Logger } from './logger.ts';

const MODE = 0o640;
/** Appending keeps the lines of several processes whole. Without O_NONBLOCK, a named pipe would block until somebody reads it. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

/** Throws an Error whose message says why the file cannot be opened. */
export function openLogFile(path: string): number {
  let fd: number;
  try {
    fd = openSync(path, FLAGS, MODE);
  } catch (error) {
    throw new Error(`${path}: ${writingFault(error)}`, { cause: error });
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new Error(`${path}: it is no regular file`);
}

export interface LogFileOptions {
  readonly path: string;
  /** The file, open. It belongs to this object from now on. */
  readonly fd: number;
  readonly destination: Pick<LogDestination, 'moveTo'>;
  readonly logger: Pick<Logger, 'info' | 'error'>;
}

export class LogFile {
  readonly path: string;
  readonly #destination: Pick<LogDestination, 'moveTo'>;
  readonly #logger: Pick<Logger, 'info' | 'error'>;
  #fd: number;

  constructor({ path, fd, destination, logger }: LogFileOptions) {
    this.path = path;
    this.#fd = fd;
    this.#destination = destination;
    this.#logger = logger;
  }

  /** Changes when the file has been opened again. */
  get fd(): number {
    return this.#fd;
  }

  /** Goes on with the file that has the path now. Does nothing if that is the one that is open. */
  reopen(): void {
    let fd: number;
    try {
      fd = openLogFile(this.path);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#logger.error(
        { reason },
        'the log file cannot be opened again: the log goes on in the file that is open',
      );
      return;
    }
    if (isSameFile(fd, this.#fd)) {
      closeSync(fd);
      return;
    }
    this.#fd = fd;
    // What a close can fail with says nothing about lines: each write has had an answer of its own.
    this.#destination.moveTo(fd, (before) => close(before, () => undefined));
    this.#logger.info({ file: this.path }, 'the log file was opened again');
  }
}

function isSameFile(one: number, other: number): boolean {
  const [{ dev, ino }, before] = [fstatSync(one), fstatSync(other)];
  return dev === before.dev && ino === before.ino;
}
