// The proxy as a child process: signals are passed on to it, and it never outlives this one.

import { spawn } from 'node:child_process';
import { constants } from 'node:os';

export interface ProxyProcess {
  /** Resolves to the exit code, which for a signal is 128 and its number, as in a shell. */
  readonly exited: Promise<number>;
  isRunning(): boolean;
  /** Asks for a drain, like Ctrl-C. */
  stop(): void;
}

/**
 * Ctrl-C under npm arrives twice: from the terminal, and passed on by npm. To the proxy a second signal means "stop at
 * once", so a signal that comes this soon after the last one is the same one.
 */
const sameSignalMs = 500;

/**
 * npm passes SIGTERM on to the shell it started us with, and some shells die of it without passing it on to us. All we
 * see of it is that we have another parent.
 */
const parentCheckMs = 500;

export function startProxyProcess(argv: readonly string[]): ProxyProcess {
  const { promise: exited, resolve, reject } = Promise.withResolvers<number>();
  // In a process group of its own, or the terminal would send it Ctrl-C as well.
  const child = spawn(process.execPath, ['--disable-sigusr1', ...argv], { stdio: 'inherit', detached: true });
  const isRunning = () => child.exitCode === null && child.signalCode === null;

  let lastSignalAtMs = Number.NEGATIVE_INFINITY;
  const passOn = (signal: NodeJS.Signals) => {
    const isSame = performance.now() - lastSignalAtMs < sameSignalMs;
    lastSignalAtMs = performance.now();
    if (!isSame) child.kill(signal);
  };
  // The terminal was closed. To the proxy itself SIGHUP means "reload".
  const stop = () => passOn('SIGTERM');
  const killAtExit = () => child.kill('SIGKILL');

  const parent = process.ppid;
  const parentCheck = setInterval(() => {
    if (process.env['npm_lifecycle_event'] !== undefined && process.ppid !== parent) {
      clearInterval(parentCheck);
      stop();
    }
  }, parentCheckMs);

  process.on('SIGINT', passOn);
  process.on('SIGTERM', passOn);
  process.on('SIGHUP', stop);
  process.on('exit', killAtExit);
  child.once('error', reject);
  child.once('exit', (exitCode, signal) => {
    clearInterval(parentCheck);
    process.off('SIGINT', passOn);
    process.off('SIGTERM', passOn);
    process.off('SIGHUP', stop);
    process.off('exit', killAtExit);
    resolve(exitCode ?? 128 + (signal === null ? 0 : constants.signals[signal]));
  });
  return { exited, isRunning, stop };
}
