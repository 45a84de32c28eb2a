// Shows the log as text: this process starts the proxy once more, as a child that writes JSON into a pipe, and prints what arrives. So the
// proxy formats nothing, and never waits for a terminal. From outside both look like one process: signals are passed on, and the exit code is the same.

import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { logText } from '../observability/log-text.ts';
import { PRINTED_OPTION } from './log-format.ts';
import { REQUEST_SIGNALS, STOP_SIGNALS } from './signals.ts';

const NEWLINE = 10;
/** No line of the proxy is as long. What has no end by then is printed as it is. */
const LONGEST_LINE_BYTES = 1024 * 1024;

/** Resolves to the exit code of the proxy, when all of its log is printed. */
export async function printLogOf(argv: readonly string[]): Promise<number> {
  const child = startProxy(argv);
  passSignalsOn(child);
  const ended = Promise.withResolvers<number>();
  child.once('error', ended.reject);
  // At 'exit' the pipe may still hold the last lines.
  child.once('close', (code, signal) => ended.resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
  const { stdout } = process;
  let isRead = true;
  // A reader that has left, or a terminal that was closed, is no reason to end the proxy.
  stdout.on('error', () => {
    isRead = false;
    child.stdout?.resume();
  });
  stdout.on('drain', () => child.stdout?.resume());
  const lines = new Lines(logText(stdout.isTTY && stdout.hasColors()));
  const print = (text: string): void => {
    if (isRead && text !== '' && !stdout.write(text)) child.stdout?.pause();
  };
  child.stdout?.on('data', (bytes: Buffer) => print(lines.take(bytes)));
  const exitCode = await ended.promise;
  print(lines.end());
  return exitCode;
}

function startProxy(argv: readonly string[]): ChildProcess {
  const isExecutable = process.getBuiltinModule('node:sea').isSea();
  const [, mainFile] = process.argv;
  const program = isExecutable ? [] : [...process.execArgv, mainFile];
  return spawn(process.execPath, [...program, 'serve', `--${PRINTED_OPTION}`, ...argv], {
    // By the channel the child sees that this process has ended.
    stdio: ['inherit', 'pipe', 'inherit', 'ipc'],
    // A session of its own: a terminal sends Ctrl-C to this process alone, which passes it on once.
    detached: true,
  });
}

function passSignalsOn(child: ChildProcess): void {
  for (const signal of [...STOP_SIGNALS, ...REQUEST_SIGNALS]) process.on(signal, () => child.kill(signal));
  process.on('SIGTSTP', () => {
    child.kill('SIGSTOP');
    process.kill(process.pid, 'SIGSTOP');
  });
  process.on('SIGCONT', () => child.kill('SIGCONT'));
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
    return this.#rest.length > LONGEST_LINE_BYTES ? text + this.end() : text;
  }

  /** @returns the text of a last line without an end */
  end(): string {
    const line = this.#rest.toString('utf8');
    this.#rest = Buffer.alloc(0);
    return line === '' ? '' : `${this.#textOf(line)}\n`;
  }
}
