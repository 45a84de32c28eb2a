// `framegate export-spans`: the command that `framegate serve` starts to export spans.

import { ParentChannel } from './parent-channel.ts';

/** Ends the process when there is nothing left to export, because the channel to the proxy would keep it alive. */
export async function exportSpans(): Promise<number> {
  const channel = ParentChannel.open('export-spans', 'framegate serve starts this');
  if (channel === undefined) return 1;
  const { runExporter } = await import('../tracing/run-exporter.ts');
  const exitCode = await runExporter(channel.send);
  await channel.sent;
  return process.exit(exitCode);
}
