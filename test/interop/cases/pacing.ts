// A stream that a limit of its route paces: none of its messages is lost, and no more pass than may.

import type { InteropCase } from '../interop-case.ts';
import type { Workbench } from '../workbench.ts';

const RATE = 60;
/** Ten seconds of the rate. */
const MESSAGES = 600;
/** What 100 ms bring, the least that a paced stream has. */
const BURST = 6;

/** Whatever the machine, no more than 5 % beyond the limit may pass. How much less passed is printed, since a busy machine takes its time. */
async function pacedStream(bench: Workbench): Promise<void> {
  const service = await bench.startService();
  const limits = [{ count: 'messages', rate: `${RATE}/s`, burst: BURST, by: ['stream'], exceed: 'slow' }];
  const framegate = await bench.startFramegate(service.port, { limits });
  const client = bench.startClient('paced_stream', framegate.tlsAddress, { tries: MESSAGES });
  await bench.finish(client);
  const [{ seconds = 0 } = {}] = client.reports.filter(({ event }) => event === 'paced');
  const rate = MESSAGES / Number(seconds);
  bench.remarks.push(`${rate.toFixed(1)} messages each second of ${RATE} that may pass`);
  if (!(rate <= 1.05 * RATE)) throw new Error(`${rate} messages passed each second`);
}

export const pacing: readonly InteropCase[] = [
  { name: 'paced stream: none of 600 messages lost', extraSeconds: 30, run: pacedStream },
];
