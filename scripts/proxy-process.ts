// Runs the proxy as a child process. It forwards signals to the proxy, and the proxy never outlives this process.

import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { NODE_FLAGS } from '../src/workers/node-flags.ts';

export interface ProxyProcess {
  /** Its standard output, where its log is. */
  readonly output: Readable;
  /** Resolves to the exit code. If a signal ended the process, that is 128 plus its number, as in a shell. */
  readonly exited: Promise<number>;
  isRunning(): boolean;
  /** Requests a graceful stop, like Ctrl-C. */
  stop(): void;
}

/**
 * Under npm, Ctrl-C arrives twice: from the terminal and forwarded by npm. To the proxy a second signal means "stop at once", so
 * a signal within this time of the last one counts as the same one.
 */
const sameSignalMs = 500;

/**
 * How often the parent process is checked. npm forwards SIGTERM to the shell that started this process, and some shells die of it
 * without forwarding it. The only sign of that is that this process has a new parent.
 */
const parentCheckMs = 500;

export function startProxyProcess(argv: readonly string[]): ProxyProcess {
  const { promise: exited, resolve, reject } = Promise.withResolvers<number>();
  const child = spawn(process.execPath, [...NODE_FLAGS, ...argv], {
    stdio: ['inherit', 'pipe', 'inherit'],
    // The proxy has its own process group; otherwise the terminal would send it Ctrl-C too.
    detached: true,
  });
  const isRunning = () => child.exitCode === null && child.signalCode === null;

  let lastSignalAtMs = Number.NEGATIVE_INFINITY;
  const passOn = (signal: NodeJS.Signals) => {
    const isSame = performance.now() - lastSignalAtMs < sameSignalMs;
    lastSignalAtMs = performance.now();
    if (!isSame) child.kill(signal);
  };
  // SIGHUP means here that the terminal was closed, but to the proxy it means "reload", so the proxy gets SIGTERM instead.
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
  // At 'exit' the pipe may still hold the last lines of the log.
  child.once('close', (exitCode, signal) => {
    clearInterval(parentCheck);
    process.off('SIGINT', passOn);
    process.off('SIGTERM', passOn);
    process.off('SIGHUP', stop);
    process.off('exit', killAtExit);
    resolve(exitCode ?? 128 + (signal === null ? 0 : constants.signals[signal]));
  });
  return { output: child.stdout, exited, isRunning, stop };
}
