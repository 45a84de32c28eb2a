// `framegate take-leases`: the command that `framegate serve` starts to take leases of stores.

import { ParentChannel } from './parent-channel.ts';

/** Ends the process, because the channel to the proxy and connections to servers would keep it alive. */
export async function takeLeases(): Promise<number> {
  const channel = ParentChannel.open('take-leases', 'framegate serve starts this');
  if (channel === undefined) return 1;
  const { runStores } = await import('../stores/run-stores.ts');
  const exitCode = await runStores(channel.send);
  await channel.sent;
  return process.exit(exitCode);
}
