// `framegate worker`: the command that `framegate serve` starts for each worker.

import { ParentChannel } from './parent-channel.ts';

/** Ends the process when the worker is done, because the channel to the primary would keep it alive. */
export async function worker(): Promise<number> {
  const channel = ParentChannel.open('worker', 'framegate serve starts its workers');
  if (channel === undefined) return 1;
  const { runWorker } = await import('../workers/worker.ts');
  try {
    const exitCode = await runWorker(channel.send);
    await channel.sent;
    return process.exit(exitCode);
  } catch (error) {
    // Without exit, the channel would keep alive a process that can do nothing any more.
    process.stderr.write(`framegate worker: ${error instanceof Error ? error.stack : String(error)}\n`);
    return process.exit(1);
  }
}
