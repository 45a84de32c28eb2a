// `framegate worker`: the command that `framegate serve` starts for each worker. It is not for people and has no options or help.

import type { SendToPrimary } from '../workers/messages.ts';
import { ignoreSignals } from './signals.ts';

/** Ends the process when the worker is done, because the channel to the primary would keep it alive. */
export async function worker(): Promise<number> {
  if (process.send === undefined) {
    process.stderr.write(
      'framegate worker: framegate serve starts its workers itself; there is nothing to do here\n',
    );
    return 1;
  }
  // This must come before the worker's modules are loaded, which takes a while.
  ignoreSignals();
  const { runWorker } = await import('../workers/worker.ts');
  let sent: Promise<void> = Promise.resolve();
  const send: SendToPrimary = (message, onSent) => {
    sent = new Promise((resolve) => {
      const taken = (): void => {
        resolve();
        onSent?.();
      };
      // If the primary is gone, the message is dropped; the 'disconnect' event reports that.
      if (process.connected) process.send?.(message, undefined, undefined, taken);
      else resolve();
    });
  };
  try {
    const exitCode = await runWorker(send);
    await sent;
    return process.exit(exitCode);
  } catch (error) {
    // Without exit, the channel would keep alive a process that can do nothing any more.
    process.stderr.write(`framegate worker: ${error instanceof Error ? error.stack : String(error)}\n`);
    return process.exit(1);
  }
}
