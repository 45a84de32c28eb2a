// Makes unary calls in a closed loop: each stream makes its next call when the previous one has been answered.

import { makeMessage } from '../compare/payload.ts';
import { type CallConnection, pathField } from './call-connection.ts';
import type { ClosedJob, JobReport } from './job.ts';
import { Metadata } from './metadata.ts';
import { openConnections, requestBytes } from './open-connections.ts';
import { Problems } from './problems.ts';

export async function runClosed(job: ClosedJob, measuring: () => void): Promise<JobReport> {
  const message = makeMessage(job.payloadBytes);
  const path = pathField(job.path);
  const metadata = new Metadata(job.changing);
  const problems = new Problems();
  const connections = await openConnections(job.port, job.connections);
  measuring();
  const startedMs = performance.now();
  let left = job.calls;
  let succeeded = 0;
  const repeat = (connection: CallConnection, resolve: () => void): void => {
    if (left-- <= 0) {
      resolve();
      return;
    }
    let received = 0;
    const owner = {
      onBytes: (size: number): void => {
        received += size;
      },
      onOver: (problem: string | undefined): void => {
        const found = problem ?? (received === message.length ? undefined : `${received} bytes came back`);
        if (found === undefined) succeeded++;
        else problems.add(found);
        repeat(connection, resolve);
      },
    };
    const streamId = connection.call(path, owner, job.changing === 'none' ? undefined : metadata.next());
    connection.send(streamId, message, true);
  };
  const streams = connections.flatMap((connection) =>
    Array.from({ length: job.streamsPerConnection }, () => connection),
  );
  await Promise.all(streams.map((connection) => new Promise<void>((resolve) => repeat(connection, resolve))));
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
