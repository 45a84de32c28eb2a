// Prints the lines of a stream on standard output, each in another form. While standard output takes nothing, the stream is paused, so
// that whoever writes into it sees that. Nothing here blocks.

import type { Readable } from 'node:stream';
import { DescriptorWriter } from '../observability/descriptor-writer.ts';

const STDOUT = 1;
const NEWLINE = 10;
/** No line of the proxy is as long. A longer one becomes several lines. */
const LONGEST_LINE_BYTES = 1024 * 1024;
/** The stream is paused while more waits to be printed. */
const MOST_WAITING_BYTES = 64 * 1024;
/** The reader of a pipe or socket has left, or the terminal was closed. */
const NO_READER: ReadonlySet<string> = new Set(['EPIPE', 'ECONNRESET', 'EIO']);

export class PrintedLines {
  /** Resolves when the stream has ended and all of it is printed, or nobody is there to read it. */
  readonly printed: Promise<void>;
  readonly #source: Readable;
  readonly #lines: Lines;
  readonly #writer: DescriptorWriter;
  readonly #done = Promise.withResolvers<void>();
  #hasReader = true;
  #hasEnded = false;

  constructor(source: Readable | null, textOf: (line: string) => string) {
    if (source === null) throw new TypeError('the process was started without a pipe for its output');
    this.#source = source;
    this.#lines = new Lines(textOf);
    this.printed = this.#done.promise;
    this.#writer = new DescriptorWriter({
      fd: STDOUT,
      isShared: false,
      onWritten: () => this.#afterWrite(),
      onRefused: (errorCode) => {
        if (NO_READER.has(errorCode)) this.#hasReader = false;
        this.#afterWrite();
      },
    });
    source.on('data', (bytes: Buffer) => this.#print(this.#lines.take(bytes)));
    source.once('close', () => {
      this.#hasEnded = true;
      this.#print(this.#lines.end());
      this.#afterWrite();
    });
  }

  /** Whether a write is under way that may never end. */
  get isHeldUp(): boolean {
    return this.#writer.isWriting;
  }

  #print(text: string): void {
    if (!this.#hasReader || text === '') return;
    const bytes = Buffer.from(text);
    this.#writer.push(bytes, bytes.length);
    if (this.#hasReader && this.#writer.pendingBytes > MOST_WAITING_BYTES) this.#source.pause();
  }

  #afterWrite(): void {
    // That a reader has left is no reason to end the proxy: what comes is read, and thrown away.
    if (this.#hasReader && !this.#writer.isEmpty) return;
    this.#source.resume();
    if (this.#hasEnded) this.#done.resolve();
  }
}

/** Cuts bytes into lines, each of which becomes text. */
export class Lines {
  readonly #textOf: (line: string) => string;
  #rest: Buffer = Buffer.alloc(0);

  constructor(textOf: (line: string) => string) {
    this.#textOf = textOf;
  }

  /** @returns the text of the lines that are complete now */
  take(bytes: Buffer): string {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let [text, from] = ['', 0];
    for (let end = all.indexOf(NEWLINE); end !== -1; end = all.indexOf(NEWLINE, from)) {
      text += `${this.#textOf(all.toString('utf8', from, end))}\n`;
      from = end + 1;
    }
    this.#rest = all.subarray(from);
    if (this.#rest.length <= LONGEST_LINE_BYTES) return text;
    const end = characterEnd(this.#rest);
    text += `${this.#textOf(this.#rest.toString('utf8', 0, end))}\n`;
    this.#rest = this.#rest.subarray(end);
    return text;
  }

  /** @returns the text of a last line without an end */
  end(): string {
    const line = this.#rest.toString('utf8');
    this.#rest = Buffer.alloc(0);
    return line === '' ? '' : `${this.#textOf(line)}\n`;
  }
}

/** @returns where the bytes can be cut without cutting a character of UTF-8, at most 4 bytes before their end */
function characterEnd(bytes: Buffer): number {
  for (let end = bytes.length - 1; end >= bytes.length - 4; end--) {
    const byte = bytes[end];
    if (byte < 0x80) return end + 1;
    if (byte >= 0xc0) return end;
  }
  return bytes.length;
}
