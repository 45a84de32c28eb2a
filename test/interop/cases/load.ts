// Cases in which the runner does something to the proxy, or watches it, while many streams are open.

import { setTimeout as sleep } from 'node:timers/promises';
import type { FramegateProcess } from '../framegate-process.ts';
import type { InteropCase } from '../interop-case.ts';
import type { Workbench } from '../workbench.ts';

/** What 20 stalled streams may add: their windows are 2.5 MiB, the rest is what the garbage collector leaves for later. */
const memoryLimitKiB = 64 * 1024;
const sampleIntervalMs = 100;

async function drain(bench: Workbench): Promise<void> {
  const service = await bench.startService();
  const framegate = await bench.startFramegate(service.port, { drainTimeout: '30s' });
  const client = bench.startClient('drain', framegate.tlsAddress);
  await client.event('open');
  framegate.child.signal('SIGTERM');
  await framegate.child.report('that it drains', ({ msg }) => msg === 'draining');
  await sleep(1500);
  client.command('finish');
  await bench.finish(client);
  const code = await framegate.child.exitWithin(5000);
  if (code !== 0)
    throw new Error(`framegate should have ended with 0 once the streams had: ${code ?? 'still runs'}`);
}

async function slowReader(bench: Workbench): Promise<void> {
  const service = await bench.startService();
  const framegate = await bench.startFramegate(service.port);
  const client = bench.startClient('slow_reader', framegate.tlsAddress);
  await client.event('measured_alone', 60_000);
  const before = await framegate.residentKiB();
  const watch = watchMemory(framegate);
  client.command('go on');
  try {
    await client.event('measured_beside', 60_000);
  } finally {
    watch.stop();
  }
  await bench.finish(client);
  const growth = (await watch.highest) - before;
  bench.remarks.push(`VmRSS ${mebibytes(before)}, at most ${mebibytes(growth)} more`);
  if (growth >= memoryLimitKiB) throw new Error(`the proxy's memory grew by ${mebibytes(growth)}`);
}

function watchMemory(framegate: FramegateProcess): { readonly highest: Promise<number>; stop(): void } {
  const stopping = new AbortController();
  const sample = async () => {
    let highest = 0;
    while (!stopping.signal.aborted) {
      highest = Math.max(highest, await framegate.residentKiB());
      await sleep(sampleIntervalMs);
    }
    return highest;
  };
  return { highest: sample(), stop: () => stopping.abort() };
}

function mebibytes(kibibytes: number): string {
  return `${(kibibytes / 1024).toFixed(1)} MiB`;
}

export const load: readonly InteropCase[] = [
  { name: '200 bidi streams open while SIGTERM arrives', run: drain },
  { name: '20 streams that nobody reads beside 100 clients that do', extraSeconds: 60, run: slowReader },
];
