// `framegate worker`: what `framegate serve` starts for each worker. Nothing for people: it has no options and no help.

import type { FromWorker } from '../workers/messages.ts';
import { ignoreSignals } from './signals.ts';

/** Does not return once it has begun: what it holds of the primary's would keep the process. */
export async function worker(): Promise<number> {
  if (process.send === undefined) {
    process.stderr.write(
      'framegate worker: framegate serve starts its workers itself; there is nothing to do here\n',
    );
    return 1;
  }
  // Before all that a worker needs is read from disk, which takes a while.
  ignoreSignals();
  const { runWorker } = await import('../workers/worker.ts');
  let sent: Promise<void> = Promise.resolve();
  const send = (message: FromWorker): void => {
    sent = new Promise((resolve) => {
      // A primary that is gone is told of by its event.
      if (process.connected) process.send?.(message, undefined, undefined, () => resolve());
      else resolve();
    });
  };
  try {
    const exitCode = await runWorker(send);
    await sent;
    return process.exit(exitCode);
  } catch (error) {
    // The channel would keep a process that can do nothing any more.
    process.stderr.write(`framegate worker: ${error instanceof Error ? error.stack : String(error)}\n`);
    return process.exit(1);
  }
}
