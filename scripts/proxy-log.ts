// The log of the proxy that `npm start` runs, as text. Until the proxy has proved itself, only warnings are printed at once; the rest is
// kept, for the case that something fails.

import type { Readable } from 'node:stream';
import { Lines } from '../src/cli/log-printer.ts';
import { logText } from '../src/observability/log-text.ts';

const WARN = 40;

export class ProxyLog {
  readonly #output: Readable;
  readonly #textOf: (line: string) => string;
  /** Undefined once everything is printed at once. */
  #kept: string[] | undefined = [];
  #isRead = true;

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

  /** Prints all that comes from now on. What was kept is forgotten. */
  open(): void {
    this.#kept = undefined;
  }

  /** Prints what was kept, and all that comes from now on. */
  release(): void {
    const kept = this.#kept ?? [];
    this.#kept = undefined;
    for (const line of kept) this.#print(line);
  }

  #take(line: string): void {
    if (this.#kept === undefined || levelOf(line) >= WARN) this.#print(line);
    else this.#kept.push(line);
  }

  #print(line: string): void {
    if (this.#isRead && !process.stdout.write(`${this.#textOf(line)}\n`)) this.#output.pause();
  }
}

function levelOf(line: string): number {
  return Number(/"level":(\d+)/.exec(line)?.[1] ?? 0);
}
