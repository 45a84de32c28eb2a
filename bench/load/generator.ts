// Child program: node generator.ts JOB, where JOB is a job of job.ts as JSON. It does the job, sends the result to the parent, and
// ends with the parent. It is a separate process, so that it does not share garbage collection and event loop with the benchmark.

import type { GeneratorMessage, Job, JobReport } from './job.ts';
import { runClosed } from './run-closed.ts';
import { runConnections } from './run-connections.ts';
import { runIdle } from './run-idle.ts';
import { runPaced } from './run-paced.ts';
import { runVoice } from './run-voice.ts';

function tell(message: GeneratorMessage): void {
  process.send?.(message);
}

function measuring(): void {
  tell({ kind: 'measuring' });
}

/** Tells the parent that the generator is ready, and resolves when the parent answers. */
async function ready(): Promise<void> {
  tell({ kind: 'ready' });
  await new Promise<void>((resolve) => process.once('message', () => resolve()));
}

const RUNS: { readonly [Kind in Job['kind']]: (job: Extract<Job, { kind: Kind }>) => Promise<JobReport> } = {
  closed: async (job) => await runClosed(job, measuring),
  paced: async (job) => await runPaced(job, measuring),
  voice: async (job) => await runVoice(job, measuring),
  connections: async (job) => await runConnections(job, measuring),
  idle: async (job) => await runIdle(job, ready),
};

async function run<Kind extends Job['kind']>(job: Extract<Job, { kind: Kind }>): Promise<JobReport> {
  const kind: Kind = job.kind;
  return await RUNS[kind](job);
}

process.on('disconnect', () => process.exit(0));
try {
  const job: Job = JSON.parse(process.argv[2]);
  tell({ kind: 'report', report: await run(job) });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
