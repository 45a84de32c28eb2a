// A process the benchmark started and therefore must end. Its output goes to files, so that a full pipe never
// slows down what is being measured.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { undoAtExit } from './clean-up.ts';
import { processTree } from './process-tree.ts';

export interface ProcessCommand {
  readonly name: string;
  readonly program: string;
  readonly programArguments: readonly string[];
  /** Existing folder for NAME.stdout and NAME.stderr, and the working directory. */
  readonly folder: string;
  /** Opens a message channel, for our own child programs. */
  readonly withMessages?: boolean;
  /** Beside those of the benchmark itself. */
  readonly environment?: Readonly<Record<string, string>>;
}

const STOP_PATIENCE_MS = 10_000;

export class StartedProcess {
  readonly name: string;
  readonly child: ChildProcess;
  /** Resolves with the exit code, or the signal's name, or the reason why it could not be started. */
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

  /** The process and its children, or an empty list when it has ended. */
  pids(): readonly number[] {
    const { pid } = this.child;
    return this.#hasEnded || pid === undefined ? [] : processTree(pid);
  }

  readStdout(): string {
    return readFileSync(join(this.#folder, `${this.name}.stdout`), 'utf8');
  }

  /** The last lines it wrote to standard error, for messages about a failure. */
  lastErrors(): string {
    return readFileSync(join(this.#folder, `${this.name}.stderr`), 'utf8')
      .trim()
      .split('\n')
      .slice(-5)
      .join('\n');
  }

  /** SIGTERM, and SIGKILL for the whole tree when that is not enough. May be called twice. */
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
        // Ended between reading the tree and now.
      }
    }
  }
}
