// Shows the log as text: this process starts the proxy once more, as a child that writes JSON into a pipe, and prints what arrives. So the
// proxy formats nothing, and never waits for a terminal. From outside both look like one process: signals are passed on, and the exit code is the same.
// A reader that does not read, or a stopped terminal, must keep neither signals from the proxy nor this process alive.

import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { setTimeout as setTimeoutPromise } from 'node:timers/promises';
import { logText } from '../observability/log-text.ts';
import { PRINTED_OPTION } from './log-format.ts';
import { PrintedLines } from './printed-lines.ts';
import { REQUEST_SIGNALS, STOP_SIGNALS } from './signals.ts';

/** How long the reader has to take what is left when the proxy has ended. */
const LAST_LINES_WITHIN_MS = 1000;

/** Ends this process with the exit code of the proxy, when all of its log is printed that can be. Rejects if the proxy cannot be started. */
export async function printLogOf(argv: readonly string[]): Promise<number> {
  const child = startProxy(argv);
  const { stdout } = process;
  const lines = new PrintedLines(child.stdout, logText(stdout.isTTY && stdout.hasColors()));
  const end = (): never => {
    // process.exit() would wait for a write that a stopped terminal holds up.
    if (lines.isHeldUp) process.kill(process.pid, 'SIGKILL');
    return process.exit(exitCodeOf(child));
  };
  passSignalsOn(child, end);
  const ended = Promise.withResolvers<void>();
  child.on('error', ended.reject);
  child.once('exit', () => ended.resolve());
  await ended.promise;
  // The pipe may still hold the last lines.
  await Promise.race([lines.printed, setTimeoutPromise(LAST_LINES_WITHIN_MS)]);
  return end();
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

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

function exitCodeOf({ exitCode, signalCode }: ChildProcess): number {
  return exitCode ?? 128 + constants.signals[signalCode ?? 'SIGKILL'];
}

/** @param end called at a signal that comes when the proxy has ended, while its last lines are printed */
function passSignalsOn(child: ChildProcess, end: () => void): void {
  for (const signal of STOP_SIGNALS)
    process.on(signal, () => {
      if (hasEnded(child)) end();
      else child.kill(signal);
    });
  for (const signal of REQUEST_SIGNALS) process.on(signal, () => child.kill(signal));
  const onStop = (): void => {
    signalGroup(child, 'SIGSTOP');
    // Without a listener the kernel stops this process, unless nobody could continue it: as process 1, or without a shell's job control.
    process.off('SIGTSTP', onStop);
    process.kill(process.pid, 'SIGTSTP');
    // Here the process goes on, by SIGCONT or because it was not stopped.
    process.on('SIGTSTP', onStop);
    signalGroup(child, 'SIGCONT');
  };
  process.on('SIGTSTP', onStop);
}

/** The workers of the proxy are in its group. */
function signalGroup({ pid }: ChildProcess, signal: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // The proxy has ended.
  }
}
