// Runs a program on a terminal of its own (a pty), as a shell with job control does. Node has no pty, so Python makes it.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { eventually, START_TIMEOUT_MS } from './eventually.ts';

/**
 * The program is the group in front of a new session, so that the terminal's keys reach it, and it can be stopped. `hold` stops the
 * terminal's output at once, which is what Ctrl-S does a moment later. Its exit code is that of the program, negative for a signal.
 */
const SHELL = `
import os, pty, select, signal, sys, termios
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
user, argv = int(sys.argv[1]), sys.argv[2:]
shell, started = os.fork(), None
if shell:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(shell, 0)[1]) % 256)
os.setsid()
master, slave = pty.openpty()
os.close(os.open(os.ttyname(slave), os.O_RDWR))
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(slave, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    for fd in 0, 1, 2: os.dup2(slave, fd)
    if user: os.setgroups([]), os.setgid(user), os.setuid(user)
    os.execvp(argv[0], argv)
print(pid, file=sys.stderr, flush=True)
inputs = [master, 0]
while True:
    ended, state = os.waitpid(pid, os.WNOHANG)
    for fd in select.select(inputs, [], [], 0.05)[0]:
        if fd == master:
            os.write(1, os.read(master, 65536))
            continue
        order = sys.stdin.readline()
        if order == '': inputs.remove(0)
        elif order == 'hold\\n':
            termios.tcflow(slave, termios.TCOOFF)
            print('held', file=sys.stderr, flush=True)
        else: os.write(master, bytes.fromhex(order))
    if ended: break
while select.select([master], [], [], 0)[0]: os.write(1, os.read(master, 65536))
sys.exit(os.waitstatus_to_exitcode(state) % 256)
`;

/** Why there is no terminal here, or false: the `skip` of a test. */
export const noTerminal =
  spawnSync('python3', ['-c', 'import pty, termios']).status === 0
    ? false
    : 'python3, which makes the terminal, is not installed';

export interface OnTerminal {
  /** Of the program. */
  readonly pid: number;
  /** All that the terminal has shown. */
  readonly text: () => string;
  readonly has: (text: string) => Promise<boolean>;
  readonly type: (keys: string) => void;
  /** Resolves when the terminal takes no more output. */
  readonly hold: () => Promise<void>;
  /** @returns the exit code, 256 less the number of the signal that has ended the program */
  readonly exit: () => Promise<number | null>;
}

export interface TerminalSettings {
  readonly cwd?: string;
  /** Who runs the program; the terminal stays that of this process's user. */
  readonly userId?: number;
}

export async function runOnTerminal(
  t: TestContext,
  argv: readonly string[],
  { cwd, userId = 0 }: TerminalSettings = {},
): Promise<OnTerminal> {
  const shell = spawn('python3', ['-uc', SHELL, String(userId), ...argv], {
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd,
  });
  let [shown, told] = ['', ''];
  shell.stdout.on('data', (bytes: Buffer) => {
    shown += bytes.toString();
  });
  shell.stderr.on('data', (bytes: Buffer) => {
    told += bytes.toString();
  });
  const pid = await eventually(
    'it is started',
    () => Number.parseInt(told, 10) || undefined,
    START_TIMEOUT_MS,
  );
  t.after(() => endGroup(pid, shell));
  return {
    pid,
    text: () => shown,
    has: (text) => eventually(`the terminal shows: ${text}`, () => shown.includes(text), START_TIMEOUT_MS),
    type: (keys) => shell.stdin.write(`${Buffer.from(keys).toString('hex')}\n`),
    hold: async () => {
      shell.stdin.write('hold\n');
      await eventually('the terminal is stopped', () => told.includes('held'));
    },
    exit: async () => {
      await eventually('it ends', () => shell.exitCode !== null, START_TIMEOUT_MS);
      return shell.exitCode;
    },
  };
}

function endGroup(pid: number, shell: ChildProcess): void {
  if (shell.exitCode !== null) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended in the meantime.
  }
}

/** @returns the processes that a process has started, and those that they have started */
export function descendantsOf(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter((text) => text !== '')
    .map(Number);
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

/** @returns whether a process is stopped, as by Ctrl-Z */
export function isStopped(pid: number): boolean {
  return /^State:\tT/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}
