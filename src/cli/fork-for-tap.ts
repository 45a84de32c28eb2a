// Starts the processes in which `framegate tap` reads what strangers have sent: the same program with a hidden command, as a worker is. A thread would
// need a file of its own in the single executable, could not be kept from using memory outside its heap, and would not survive an abort of Node.

import { fork } from 'node:child_process';
import { programWith } from '../control/fork-command.ts';
import type { Peer, PeerEvents } from '../decoding/asked-process.ts';

const MOST_HEAP_MIB = 256;

/** @param command `decoder` decodes messages, `find-descriptors` asks services for descriptors */
export function forkForTap(command: 'decoder' | 'find-descriptors', { onAnswer, onEnd }: PeerEvents): Peer {
  const { program, rest, isExecutable } = programWith(command);
  // The executable takes no flags of Node as arguments, but both take them from the environment.
  const flags = `${process.env['NODE_OPTIONS'] ?? ''} --max-old-space-size=${MOST_HEAP_MIB}`;
  const child = fork(program, rest, {
    execArgv: isExecutable ? [] : [...process.execArgv, '--disable-sigusr1'],
    env: { ...process.env, NODE_OPTIONS: flags.trim() },
    // Keeps Buffers, which JSON would lose.
    serialization: 'advanced',
    // Node tells of too little memory at length there.
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const end = (): void => {
    process.off('exit', end);
    child.kill('SIGKILL');
  };
  child.on('message', onAnswer);
  child.on('error', (error) => {
    // Errors of a running process show in other ways.
    if (child.pid === undefined) onEnd(error.message);
  });
  // At 'exit' the channel may still hold an answer.
  child.on('close', (code, signal) => {
    process.off('exit', end);
    onEnd(signal ?? `exit code ${code}`);
  });
  // It must not outlive this process, nor keep it alive.
  process.on('exit', end);
  child.unref();
  child.channel?.unref();
  return {
    // If it has ended, 'close' tells so. One that could not be started has no channel.
    send: (request) => {
      if (child.connected) child.send(request, () => undefined);
    },
    end,
  };
}
