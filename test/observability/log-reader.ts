// A named pipe with both ends in this process: the test decides byte by byte when the reader reads.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class LogReader {
  /** The writing end. */
  readonly fd: number;
  readonly #readingFd: number;
  readonly #buffer = Buffer.alloc(1024 * 1024);
  readonly #received: Buffer[] = [];

  constructor() {
    const folder = mkdtempSync(join(tmpdir(), 'framegate-'));
    const path = join(folder, 'log');
    execFileSync('mkfifo', [path]);
    this.#readingFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    rmSync(folder, { recursive: true });
  }

  /** Takes what the pipe holds now; returns how many bytes that was. */
  read(): number {
    let total = 0;
    for (;;) {
      const bytes = readNow(this.#readingFd, this.#buffer);
      if (bytes === 0) return total;
      this.#received.push(Buffer.from(this.#buffer.subarray(0, bytes)));
      total += bytes;
    }
  }

  /** Everything read so far, as whole lines. */
  lines(): string[] {
    const text = Buffer.concat(this.#received).toString('utf8');
    if (text === '') return [];
    assert.ok(text.endsWith('\n'), 'the log ends inside a line');
    return text.slice(0, -1).split('\n');
  }

  /** From now on writing fails with EPIPE. */
  leave(): void {
    closeSync(this.#readingFd);
  }
}

function readNow(fd: number, buffer: Buffer): number {
  try {
    return readSync(fd, buffer);
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error && error.code === 'EAGAIN');
    return 0;
  }
}
