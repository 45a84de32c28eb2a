// The log of the proxy that `npm start` runs, as text. Until the proxy has proved itself, only warnings are printed at once; the rest is
// kept, for the case that something fails.

import type { Readable } from 'node:stream';
import { Lines } from '../src/cli/printed-lines.ts';
import { logText } from '../src/observability/log-text.ts';

const WARN = 40;
const LEVEL = /"level":(\d+)/;
const TIME = /"time":(\d+)/;

export class ProxyLog {
  readonly #output: Readable;
  readonly #textOf: (line: string) => string;
  /** Undefined once everything is printed at once. */
  #kept: string[] | undefined = [];
  #isRead = true;
  /** What the proxy logged before is not printed, if it is no warning. Lines may come some time after they are logged. */
  #sinceMs = 0;

  /** @param output the standard output of the proxy: JSON lines, or text where the configuration says so */
  constructor(output: Readable) {
    this.#output = output;
    const { stdout } = process;
    this.#textOf = logText(stdout.isTTY && stdout.hasColors());
    const lines = new Lines((line) => line);
    const take = (text: string) => {
      for (const line of text.split('\n')) if (line !== '') this.#take(line);
    };
    output.on('data', (bytes: Buffer) => take(lines.take(bytes)));
    output.on('end', () => take(lines.end()));
    // A reader that has left is no reason to end the proxy.
    stdout.on('error', () => {
      this.#isRead = false;
      output.resume();
    });
    stdout.on('drain', () => output.resume());
  }

  /** Prints all that is logged from now on. What was kept is forgotten. */
  open(): void {
    this.#sinceMs = Date.now();
    this.#kept = undefined;
  }

  /** Prints what was kept, and all that comes afterwards. */
  release(): void {
    const kept = this.#kept ?? [];
    this.#kept = undefined;
    for (const line of kept) this.#print(line);
  }

  #take(line: string): void {
    if (numberIn(line, LEVEL) >= WARN) this.#print(line);
    else if (this.#kept !== undefined) this.#kept.push(line);
    else if (numberIn(line, TIME) >= this.#sinceMs) this.#print(line);
  }

  #print(line: string): void {
    if (this.#isRead && !process.stdout.write(`${this.#textOf(line)}\n`)) this.#output.pause();
  }
}

/** @returns Infinity for a line that is no record of the log, such as a text of Node's own */
function numberIn(line: string, field: RegExp): number {
  return Number(field.exec(line)?.[1] ?? Number.POSITIVE_INFINITY);
}
