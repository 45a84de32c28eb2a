// `framegate decoder`: the command that `framegate tap` starts to decode messages.

import { type DecoderAnswer, isDecoderRequest } from '../decoding/decoder-messages.ts';
import { ParentChannel } from './parent-channel.ts';

/** Runs until the process that has started it ends, or ends it. */
export async function decoder(): Promise<number> {
  const channel = ParentChannel.open('decoder', 'framegate tap starts this');
  if (channel === undefined) return 1;
  const send = (answer: DecoderAnswer): void => channel.send(answer);
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
