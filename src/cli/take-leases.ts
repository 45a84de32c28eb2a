// `framegate take-leases`: the command that `framegate serve` starts to take leases of stores. It is not for people and has no options or
// help.

import type { SendToProxy } from '../stores/run-stores.ts';
import { ignoreSignals } from './signals.ts';

/** Ends the process, because the channel to the proxy and connections to servers would keep it alive. */
export async function takeLeases(): Promise<number> {
  if (process.send === undefined) {
    process.stderr.write(
      'framegate take-leases: framegate serve starts this itself; there is nothing to do here\n',
    );
    return 1;
  }
  // The proxy handles signals, but a terminal sends them to all processes of the group.
  ignoreSignals();
  const { runStores } = await import('../stores/run-stores.ts');
  return process.exit(await runStores(send));
}

const send: SendToProxy = (message, sent) => {
  if (process.connected) process.send?.(message, undefined, undefined, () => sent?.());
};
