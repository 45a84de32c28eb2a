// Runs a program of somebody else's to its end and keeps what it printed. Ends it by its own process id when it takes too long.

import { spawn } from 'node:child_process';

export interface ProgramOptions {
  readonly args: readonly string[];
  readonly timeoutMs: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly input?: string;
}

export interface ProgramResult {
  /** The exit code, the signal's name, or why it did not start. */
  readonly ended: number | string;
  readonly isTimedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Never rejects: what went wrong is in the result. */
export async function runProgram(command: string, options: ProgramOptions): Promise<ProgramResult> {
  const child = spawn(command, options.args, {
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const stdout: string[] = [];
  const stderr: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => stdout.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => stderr.push(text));
  // A program that has ended before it read its input tells so by its exit code.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  let isTimedOut = false;
  const timer = setTimeout(() => {
    isTimedOut = true;
    child.kill('SIGKILL');
  }, options.timeoutMs);
  const { promise, resolve } = Promise.withResolvers<number | string>();
  child.once('error', (error) => resolve(error.message));
  child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  const ended = await promise;
  clearTimeout(timer);
  return { ended, isTimedOut, stdout: stdout.join(''), stderr: stderr.join('') };
}

/** The end of what a program said, for the message of a failure. */
export function lastLines({ ended, isTimedOut, stdout, stderr }: ProgramResult, lines = 12): string {
  const said = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '');
  const end = isTimedOut ? 'it was ended because it took too long' : `it ended with ${ended}`;
  return [end, ...said.slice(-lines).map((line) => line.slice(0, 450))].join('\n');
}
