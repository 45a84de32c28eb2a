// Starts a worker: the same program as this one, as it lies on disk now, told to be a worker. The environment says nothing of
// systemd any more by then, so that no worker speaks for the service.

import { type ChildProcess, fork } from 'node:child_process';

/** The hidden command of the program. */
const WORKER_COMMAND = 'worker';

const LOG_OF_PRIMARY = 1;
/**
 * The log is one: every worker writes to the descriptor that is the primary's standard output, but under another number.
 * Of 0 to 2 each process that starts or ends takes O_NONBLOCK away, from all that share the pipe (libuv when it forks, Node
 * when it exits), and whoever writes while the pipe is full then stands still. For the same reason standard error, which
 * often is the same pipe, is not shared.
 */
export const WORKER_LOG_FD = 4;

/** SIGUSR1 does not open Node's debugger, not even before the first line of the program. */
const DEBUGGER_FLAG = '--disable-sigusr1';

export function forkWorker(): ChildProcess {
  const isExecutable = process.getBuiltinModule('node:sea').isSea();
  const [, mainFile] = process.argv;
  const [program, ...rest] = isExecutable ? [WORKER_COMMAND] : [mainFile, WORKER_COMMAND];
  const child = fork(program, rest, {
    execArgv: isExecutable ? [] : flagsOf(process.execArgv),
    // Buffers, maps and undefined arrive as what they are.
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc', LOG_OF_PRIMARY],
  });
  child.stderr?.on('data', (octets: Buffer) => process.stderr.write(octets));
  return child;
}

function flagsOf(own: readonly string[]): string[] {
  return own.includes(DEBUGGER_FLAG) ? [...own] : [...own, DEBUGGER_FLAG];
}
