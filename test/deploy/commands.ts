// Runs programs for the cases: to their end, with a time limit and what they said; or in the background until the case is over.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { eventually } from '../support/eventually.ts';

export interface CommandOptions {
  readonly timeoutMs?: number;
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Passes its output on to the terminal as it comes. */
  readonly isShown?: boolean;
}

const usualTimeoutMs = 60_000;
const shownLines = 40;

/** As root: by sudo where this process is not root itself. */
export function asRoot(...command: readonly string[]): readonly string[] {
  return process.getuid?.() === 0 ? command : ['sudo', '-n', ...command];
}

export function canBeRoot(): boolean {
  return process.getuid?.() === 0 || spawnSync('sudo', ['-n', 'true']).status === 0;
}

/** What it wrote on both outputs. Rejects, with the end of that, unless the exit code is 0. */
export async function run(command: readonly string[], options: CommandOptions = {}): Promise<string> {
  const background = new Background(command, options);
  const code = await background.exit(options.timeoutMs ?? usualTimeoutMs);
  if (code === 0) return background.output;
  throw new Error(`${command.join(' ')} ended with ${code}:\n${tail(background.output)}`);
}

const running = new Set<Background>();

/** Those that run have groups of their own: an interrupt at the terminal does not reach them. */
export function killAll(): void {
  for (const background of running) background.kill();
}

export class Background {
  readonly #child: ChildProcess;
  readonly #command: string;
  #output = '';
  #end: number | string | undefined;

  constructor(command: readonly string[], options: CommandOptions = {}) {
    this.#command = command.join(' ');
    const [program, ...rest] = command;
    const env = { ...process.env, ...options.environment };
    const { cwd } = options;
    const stdio = ['ignore', 'pipe', 'pipe'] as const;
    // A group of its own, to end it together with what it has started.
    this.#child = spawn(program, rest, {
      stdio: [...stdio],
      env,
      detached: true,
      ...(cwd === undefined ? {} : { cwd }),
    });
    const keep = (piece: Buffer) => {
      this.#output += piece.toString();
      if (options.isShown === true) process.stdout.write(piece.toString().replaceAll(/^(?=.)/gm, '    '));
    };
    running.add(this);
    this.#child.stdout?.on('data', keep);
    this.#child.stderr?.on('data', keep);
    this.#child.once('close', (code, signal) => {
      this.#end = code ?? signal ?? 'nothing';
      running.delete(this);
    });
    this.#child.once('error', (error) => {
      this.#end = error.message;
      running.delete(this);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get output(): string {
    return this.#output;
  }

  get hasExited(): boolean {
    return this.#end !== undefined;
  }

  /** Once its output holds this. */
  async says(pattern: RegExp, timeoutMs = usualTimeoutMs): Promise<RegExpExecArray> {
    const found = await eventually(
      `${pattern} from ${this.#command}`,
      () => pattern.exec(this.#output) ?? (this.hasExited ? null : undefined),
      timeoutMs,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}; it said:\n${tail(this.#output)}`, { cause: error });
    });
    if (found !== null) return found;
    throw new Error(
      `${this.#command} ended with ${this.#end} before it said ${pattern}:\n${tail(this.#output)}`,
    );
  }

  /** The exit code, or what ended it. */
  async exit(timeoutMs = usualTimeoutMs): Promise<number | string> {
    await eventually(`the end of ${this.#command}`, () => this.hasExited, timeoutMs).catch(
      (error: unknown) => {
        this.kill();
        throw new Error(`${String(error)}; it said:\n${tail(this.#output)}`, { cause: error });
      },
    );
    return this.#end ?? 'nothing';
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  kill(): void {
    if (this.hasExited || this.pid === 0) return;
    const group = String(-this.pid);
    const [program, ...rest] = asRoot('kill', '-KILL', '--', group);
    spawnSync(program, rest);
  }
}

function tail(text: string): string {
  return text.trimEnd().split('\n').slice(-shownLines).join('\n');
}
