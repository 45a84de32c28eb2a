// Starts a process beside those that carry calls: the same program as this one, in its current version on disk, with a hidden command. It
// gets no descriptor but its channel and a pipe for what Node writes to standard error.

import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { passOnLastWords } from '../observability/standard-error.ts';

/**
 * The heap of such a process, which reads what servers of others answer: it ends before it takes more. A server could fill it within one
 * turn of the event loop, by a short answer that announces long lists.
 */
const MOST_HEAP_MIB = 192;

/** @param command `export-spans` exports spans, `take-leases` takes leases of stores */
export function forkCommand(command: 'export-spans' | 'take-leases'): ChildProcess {
  const { program, rest, isExecutable } = programWith(command);
  const child = fork(program, rest, {
    // The flags of this process are for those that carry calls. With this one SIGUSR1 does not open Node's debugger.
    execArgv: isExecutable ? [] : ['--disable-sigusr1'],
    env: withBoundedHeap(),
    // Keeps Maps, which JSON would lose.
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  child.stderr?.on('data', passOnLastWords);
  return child;
}

/** @returns this program with a hidden command, as `fork` takes it */
export function programWith(command: string): {
  readonly program: string;
  readonly rest: readonly string[];
  readonly isExecutable: boolean;
} {
  const isExecutable = process.getBuiltinModule('node:sea').isSea();
  return isExecutable
    ? { program: command, rest: [], isExecutable }
    : { program: mainFile(), rest: [command], isExecutable };
}

/** The single executable takes no flags of Node as arguments, but from the environment. */
function withBoundedHeap(): NodeJS.ProcessEnv {
  const flags = `${process.env['NODE_OPTIONS'] ?? ''} --max-old-space-size=${MOST_HEAP_MIB}`;
  return { ...process.env, NODE_OPTIONS: flags.trim() };
}

/** main.ts in the sources, main.js in a build. */
function mainFile(): string {
  const source = join(import.meta.dirname, '../main.ts');
  return existsSync(source) ? source : join(import.meta.dirname, '../main.js');
}
