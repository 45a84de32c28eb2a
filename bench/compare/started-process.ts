// A process that the benchmark started and therefore must end. Its output goes to files, so that a full pipe cannot slow down what
// is being measured.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { undoAtExit } from './clean-up.ts';
import { processTree } from './process-tree.ts';

export interface ProcessCommand {
  readonly name: string;
  readonly program: string;
  readonly programArguments: readonly string[];
  /** An existing folder for NAME.stdout and NAME.stderr, which is also the working directory. */
  readonly folder: string;
  /** Whether to open a message channel, for our own child programs. */
  readonly withMessages?: boolean;
  /** Environment variables in addition to those of the benchmark itself. */
  readonly environment?: Readonly<Record<string, string>>;
}

const STOP_PATIENCE_MS = 10_000;

export class StartedProcess {
  readonly name: string;
  readonly child: ChildProcess;
  /** Resolves to the exit code, the name of the signal, or the reason why the process could not be started. */
  readonly ended: Promise<number | string>;
  readonly #folder: string;
  readonly #forget: () => void;
  #hasEnded = false;

  constructor(command: ProcessCommand) {
    this.name = command.name;
    this.#folder = command.folder;
    const stdout = openSync(join(command.folder, `${command.name}.stdout`), 'a');
    const stderr = openSync(join(command.folder, `${command.name}.stderr`), 'a');
    this.child = spawn(command.program, command.programArguments, {
      cwd: command.folder,
      env: { ...process.env, ...command.environment },
      stdio: command.withMessages ? ['ignore', stdout, stderr, 'ipc'] : ['ignore', stdout, stderr],
    });
    closeSync(stdout);
    closeSync(stderr);
    this.#forget = undoAtExit(() => this.#kill());
    this.ended = new Promise((resolve) => {
      const finish = (outcome: number | string): void => {
        this.#hasEnded = true;
        this.#forget();
        resolve(outcome);
      };
      this.child.once('exit', (code, signal) => finish(code ?? signal ?? 'unknown'));
      this.child.once('error', (error) => finish(error.message));
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** @returns the process and its children; empty if it has ended */
  pids(): readonly number[] {
    const { pid } = this.child;
    return this.#hasEnded || pid === undefined ? [] : processTree(pid);
  }

  readStdout(): string {
    return readFileSync(join(this.#folder, `${this.name}.stdout`), 'utf8');
  }

  /** @returns the last lines that the process wrote to standard error, for messages about a failure */
  lastErrors(): string {
    return readFileSync(join(this.#folder, `${this.name}.stderr`), 'utf8')
      .trim()
      .split('\n')
      .slice(-5)
      .join('\n');
  }

  /** Sends SIGTERM, and SIGKILL to the whole process tree if that is not enough. May be called twice. */
  async stop(): Promise<void> {
    if (this.#hasEnded) return;
    this.child.kill('SIGTERM');
    const impatience = setTimeout(() => this.#kill(), STOP_PATIENCE_MS);
    await this.ended;
    clearTimeout(impatience);
  }

  #kill(): void {
    for (const pid of this.pids()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // The process has ended since the tree was read.
      }
    }
  }
}
