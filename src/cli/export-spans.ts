// `framegate export-spans`: the command that `framegate serve` starts to export spans. It is not for people and has no options or help.

import type { SendToProxy } from '../tracing/run-exporter.ts';
import { ignoreSignals } from './signals.ts';

/** Ends the process when there is nothing left to export, because the channel to the proxy would keep it alive. */
export async function exportSpans(): Promise<number> {
  if (process.send === undefined) {
    process.stderr.write(
      'framegate export-spans: framegate serve starts this itself; there is nothing to do here\n',
    );
    return 1;
  }
  // The proxy handles signals, but a terminal sends them to all processes of the group.
  ignoreSignals();
  const { runExporter } = await import('../tracing/run-exporter.ts');
  let sent: Promise<void> = Promise.resolve();
  const send: SendToProxy = (message, onSent) => {
    sent = new Promise((resolve) => {
      const taken = (): void => {
        resolve();
        onSent?.();
      };
      if (process.connected) process.send?.(message, undefined, undefined, taken);
      else resolve();
    });
  };
  const exitCode = await runExporter(send);
  await sent;
  return process.exit(exitCode);
}
