// Runs a client to its end and keeps what it printed. Must never wait for ever: a client that hangs is ended and told of.

import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface CommandOptions {
  /** Written to standard input, which is closed after it unless `isInputOpen`. */
  readonly input?: string | Buffer;
  readonly isInputOpen?: boolean;
  readonly env?: NodeJS.ProcessEnv;
  /** Ends the client as soon as it has printed this: for those that would go on. */
  readonly endWhen?: (output: Buffer) => boolean;
}

export interface CommandResult {
  /** The exit code; undefined when `endWhen` ended it. */
  readonly code: number | undefined;
  readonly output: Buffer;
  /** Standard error. */
  readonly complaint: string;
}

const timeoutMs = 60_000;

export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const child = spawn(command, args, { env: options.env ?? process.env, stdio: ['pipe', 'pipe', 'pipe'] });
  const printed: Buffer[] = [];
  const complained: Buffer[] = [];
  let isDone = false;
  child.stdout.on('data', (bytes: Buffer) => {
    printed.push(bytes);
    if (options.endWhen?.(Buffer.concat(printed)) !== true) return;
    isDone = true;
    child.kill('SIGKILL');
  });
  child.stderr.on('data', (bytes: Buffer) => complained.push(bytes));
  // A client that has gone already does not read its input; its exit code tells.
  child.stdin.on('error', () => undefined);
  if (options.input !== undefined) child.stdin.write(options.input);
  if (options.isInputOpen !== true) child.stdin.end();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  try {
    const [code]: unknown[] = await once(child, 'close');
    const output = Buffer.concat(printed);
    const complaint = Buffer.concat(complained).toString();
    if (isLate)
      throw new Error(`${command} did not end within ${timeoutMs} ms: ${describe(output, complaint)}`);
    return { code: isDone || typeof code !== 'number' ? undefined : code, output, complaint };
  } finally {
    clearTimeout(timer);
  }
}

export function describe(output: Buffer, complaint: string): string {
  return `it printed ${JSON.stringify(output.toString().slice(0, 600))} and complained ${JSON.stringify(complaint.slice(-600))}`;
}
