// Starts a worker: the same program as this one, in its current version on disk, with the command for a worker. The variables of
// systemd are already removed from the environment, so that no worker reports to systemd in the name of the service.

import { type ChildProcess, fork } from 'node:child_process';
import { passOnLastWords } from '../observability/standard-error.ts';
import { withNodeFlags } from './node-flags.ts';

/** The hidden command of the program. */
const WORKER_COMMAND = 'worker';

/**
 * All processes share one log: every worker writes to the primary's standard output or file, but by another descriptor number. Each process
 * that starts or exits clears O_NONBLOCK on descriptors 0 to 2 (libuv when it forks, Node when it exits), for all processes that share
 * the pipe. A process that writes while the pipe is full would then block. For the same reason standard error, which often is the same
 * pipe, is not shared.
 */
export const WORKER_LOG_FD = 4;

/** @param logFd where the primary writes its log now */
export function forkWorker(logFd: number): ChildProcess {
  const isExecutable = process.getBuiltinModule('node:sea').isSea();
  const [, mainFile] = process.argv;
  const [program, ...rest] = isExecutable ? [WORKER_COMMAND] : [mainFile, WORKER_COMMAND];
  const child = fork(program, rest, {
    execArgv: isExecutable ? [] : withNodeFlags(process.execArgv),
    // Keeps Buffers, Maps and undefined, which JSON would lose.
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc', logFd],
  });
  child.stderr?.on('data', passOnLastWords);
  return child;
}
