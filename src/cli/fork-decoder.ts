// Starts the process that decodes messages for `framegate tap`: the same program with a hidden command, as a worker is. A thread would need a file
// of its own in the single executable, and could not be kept from using memory outside its heap.

import { fork } from 'node:child_process';
import type { DecoderPeer, PeerEvents } from '../decoding/decoder.ts';

/** The hidden command of the program. */
const DECODER_COMMAND = 'decoder';
/** The heap of a process that decodes. */
const MOST_HEAP_MIB = 256;

export function forkDecoder({ onAnswer, onEnd }: PeerEvents): DecoderPeer {
  const isExecutable = process.getBuiltinModule('node:sea').isSea();
  const [, mainFile] = process.argv;
  const [program, ...rest] = isExecutable ? [DECODER_COMMAND] : [mainFile, DECODER_COMMAND];
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
  const ended = (): void => {
    end();
    onEnd();
  };
  child.on('message', onAnswer).on('error', ended).on('exit', ended);
  // It must not outlive this process, nor keep it alive.
  process.on('exit', end);
  child.unref();
  child.channel?.unref();
  return {
    // If it has ended, 'exit' tells so.
    send: (request) => void child.send(request, () => undefined),
    end,
  };
}
