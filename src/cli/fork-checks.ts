// Starts the process that makes the checks of `framegate doctor`: the same program with a hidden command, as a worker is.

import { fork } from 'node:child_process';
import { programWith } from '../control/fork-command.ts';
import type { CheckingEvents, CheckingPeer } from '../doctor/forked-examination.ts';

/** @param input what the process reads from standard input: a configuration that can be read only once. Undefined means what this one reads */
export function forkChecks({ onNotice, onEnd }: CheckingEvents, input: Buffer | undefined): CheckingPeer {
  const { program, rest, isExecutable } = programWith('make-checks');
  const child = fork(program, rest, {
    // Flags decide which authorities are trusted, for example.
    execArgv: isExecutable ? [] : [...process.execArgv, '--disable-sigusr1'],
    // Keeps Buffers, which JSON would lose.
    serialization: 'advanced',
    // A package or Node itself may quote a peer on standard error. What matters comes by the channel.
    stdio: [input === undefined ? 'inherit' : 'pipe', 'ignore', 'ignore', 'ipc'],
  });
  const end = (): void => {
    process.off('exit', end);
    child.kill('SIGKILL');
  };
  process.on('exit', end);
  child.on('message', onNotice);
  child.on('error', (error) => {
    // Errors of a running process show in other ways.
    if (child.pid === undefined) onEnd(error.message);
  });
  // At 'exit' the channel may still hold its last messages.
  child.on('close', (code, signal) => {
    process.off('exit', end);
    onEnd(signal ?? `exit code ${code}`);
  });
  // It may end before it has read all.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  return {
    // If it has ended, 'close' tells so. One that could not be started has no channel.
    send: (order) => {
      if (child.connected) child.send(order, () => undefined);
    },
    end,
  };
}
