// A child process that reports by JSON lines on standard output: Framegate with its log, or one of the Python programs.
// What it said is kept, so that an event may be asked for before or after it came.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

export type Report = Readonly<Record<string, unknown>>;

export interface ChildOptions {
  /** In messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

const shownLines = 12;
const shownCharacters = 450;

export class ReportingChild {
  readonly name: string;
  /** Every line that was JSON, in order. */
  readonly reports: Report[] = [];
  /** The exit code, or the signal's name; never rejects. */
  readonly exit: Promise<number | string>;
  readonly #process: ChildProcess;
  readonly #errorLines: string[] = [];
  readonly #waiting = new Set<() => void>();
  #ended: number | string | undefined = undefined;

  constructor(options: ChildOptions) {
    this.name = options.name;
    this.#process = spawn(options.command, options.args, {
      env: options.env ?? process.env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const { stdin, stdout, stderr } = this.#process;
    if (stdin === null || stdout === null || stderr === null) throw new Error('spawned without pipes');
    // A command to a program that has just ended is lost; its exit code tells.
    stdin.on('error', () => undefined);
    const reports = createInterface(stdout);
    reports.on('line', (line) => this.#receive(line));
    const errors = createInterface(stderr);
    errors.on('line', (line) => this.#errorLines.push(line));
    this.exit = this.#watchExit([once(reports, 'close'), once(errors, 'close')]);
  }

  get pid(): number {
    if (this.#process.pid === undefined) throw new Error(`${this.name} did not start`);
    return this.#process.pid;
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  get errorOutput(): string {
    return this.#errorLines.join('\n');
  }

  /** The line of its error output that says most: of a Python traceback, the error. */
  get complaint(): string {
    const error = this.#errorLines.findLast((line) => /^\s*details = |Error: |^SystemExit/.test(line));
    return error ?? this.#errorLines.at(-1) ?? 'it wrote no error';
  }

  /** The first report that matches, past or to come. Rejects when the process ends without it, or when it takes too long. */
  async report(what: string, matches: (report: Report) => boolean, timeoutMs = 30_000): Promise<Report> {
    const endsAt = Date.now() + timeoutMs;
    for (;;) {
      const found = this.reports.find(matches);
      if (found !== undefined) return found;
      if (this.#ended !== undefined) {
        throw new Error(`${this.name} ended (${this.#ended}) without ${what}: ${this.complaint}`);
      }
      const leftMs = endsAt - Date.now();
      if (leftMs <= 0) throw new Error(`${this.name} did not report ${what} within ${timeoutMs} ms`);
      await this.#change(leftMs);
    }
  }

  /** The first event of that name: what the Python programs report. */
  event(name: string, timeoutMs?: number): Promise<Report> {
    return this.report(`event ${name}`, (report) => report.event === name, timeoutMs);
  }

  command(text: string): void {
    this.#process.stdin?.write(`${text}\n`);
  }

  closeInput(): void {
    this.#process.stdin?.end();
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** The exit code, or undefined when the process has not ended by then. */
  async exitWithin(timeoutMs: number): Promise<number | string | undefined> {
    const stop = new AbortController();
    const late = sleep(timeoutMs, undefined, { signal: stop.signal }).catch(() => undefined);
    try {
      return await Promise.race([this.exit, late]);
    } finally {
      stop.abort();
    }
  }

  /** For the message of a case that failed. */
  lastWords(): string {
    const said = this.reports.slice(-shownLines).map((report) => JSON.stringify(report));
    const lines = [...said, ...this.#errorLines.slice(-shownLines)];
    const state = this.#ended === undefined ? 'still runs' : `ended with ${this.#ended}`;
    return [
      `${this.name} ${state}; its last words:`,
      ...lines.map((line) => `  ${line.slice(0, shownCharacters)}`),
    ].join('\n');
  }

  #receive(line: string): void {
    try {
      const report: Report = JSON.parse(line);
      this.reports.push(report);
    } catch {
      this.#errorLines.push(line);
    }
    this.#notify();
  }

  #notify(): void {
    for (const wake of this.#waiting) wake();
  }

  async #change(timeoutMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    this.#waiting.add(resolve);
    await promise;
    this.#waiting.delete(resolve);
    clearTimeout(timer);
  }

  async #watchExit(outputs: readonly Promise<unknown>[]): Promise<number | string> {
    const { promise, resolve } = Promise.withResolvers<number | string>();
    this.#process.once('error', (error) => resolve(error.message));
    this.#process.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    const ended = await promise;
    if (this.#process.pid !== undefined) await Promise.all(outputs);
    this.#ended = ended;
    this.#notify();
    return ended;
  }
}
