// Makes unary calls in a closed loop: each stream makes its next call when the previous one has been answered.

import { makeMessage } from '../compare/payload.ts';
import { pathField } from './call-connection.ts';
import { closedLoop } from './closed-loop.ts';
import type { ClosedJob, JobReport } from './job.ts';
import { Metadata } from './metadata.ts';
import { openConnections, requestBytes } from './open-connections.ts';
import { Problems } from './problems.ts';

export async function runClosed(job: ClosedJob, measuring: () => void): Promise<JobReport> {
  const metadata = new Metadata(job.changing);
  const problems = new Problems();
  const connections = await openConnections(job.port, job.connections);
  const loop = {
    connections,
    streamsPerConnection: job.streamsPerConnection,
    path: pathField(job.path),
    message: makeMessage(job.payloadBytes),
    metadata: job.changing === 'none' ? undefined : metadata,
  };
  measuring();
  const startedMs = performance.now();
  let succeeded = 0;
  await closedLoop(loop, job.calls, (problem) => {
    if (problem === undefined) succeeded++;
    else problems.add(problem);
  });
  const durationMs = performance.now() - startedMs;
  for (const connection of connections) connection.close();
  return {
    succeeded,
    durationMs,
    problems: problems.sentences(),
    roundTrips: undefined,
    lateP99Ms: undefined,
    headerBytes: requestBytes(job.port, job.path) + metadata.bytes,
  };
}
