// `framegate find-descriptors`: the command that `framegate tap` starts to ask services for descriptors. What they answer is read here alone, so that
// tap goes on if that ends the process.

import type { ReflectionAnswer } from '../decoding/reflection-messages.ts';
import { ParentChannel } from './parent-channel.ts';

/** Runs until the process that has started it ends, or ends it. */
export async function findDescriptors(): Promise<number> {
  const channel = ParentChannel.open('find-descriptors', 'framegate tap starts this');
  if (channel === undefined) return 1;
  // A service that is asked would keep it alive for a while.
  process.once('disconnect', () => process.exit(0));
  const send = (answer: ReflectionAnswer): void => channel.send(answer);
  const { answerTo } = await import('../decoding/reflection-work.ts');
  process.on('message', (message) => {
    void answerTo(message).then((answer) => answer && send(answer));
  });
  send({ kind: 'ready' });
  return new Promise(() => undefined);
}
