// `framegate decoder`: the command that `framegate tap` starts to decode messages. It is not for people and has no options or help.

import { type DecoderAnswer, isDecoderRequest } from '../decoding/decoder-messages.ts';
import { ignoreSignals } from './signals.ts';

/** Runs until the process that has started it ends, or ends it. */
export async function decoder(): Promise<number> {
  if (process.send === undefined) {
    process.stderr.write(
      'framegate decoder: framegate tap starts this itself; there is nothing to do here\n',
    );
    return 1;
  }
  ignoreSignals();
  const done = Promise.withResolvers<number>();
  process.once('disconnect', () => done.resolve(0));
  const { DecoderWork } = await import('../decoding/decoder-work.ts');
  const work = new DecoderWork();
  process.on('message', (request) => {
    if (isDecoderRequest(request)) send(work.answer(request));
  });
  send({ kind: 'ready' });
  return done.promise;
}

function send(answer: DecoderAnswer): void {
  // If nobody listens any more, 'disconnect' tells so.
  if (process.connected) process.send?.(answer, undefined, undefined, () => undefined);
}
