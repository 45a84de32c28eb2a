// Opens connections and streams that stay open: first connections with some calls on each, then, when the parent says so, streams
// with one message each way. It holds them until the process ends.

import { makeMessage } from '../compare/payload.ts';
import { type CallConnection, pathField } from './call-connection.ts';
import type { IdleJob, JobReport } from './job.ts';
import { openConnections } from './open-connections.ts';

function fail(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}

export async function runIdle(job: IdleJob, ready: () => Promise<void>): Promise<JobReport> {
  const startedMs = performance.now();
  const message = makeMessage(job.payloadBytes);
  const path = pathField(job.path);
  const connections = await openConnections(job.port, job.connections);
  for (const connection of connections) {
    // The calls are part of the baseline, so that it includes the memory of a connection's own buffers.
    for (let call = 0; call < job.callsBefore; call++) await callOnce(connection, path, message);
  }
  await ready();
  const streams = connections.flatMap((connection) =>
    Array.from({ length: job.streamsPerConnection }, () => hold(connection, path, message)),
  );
  await Promise.all(streams);
  return {
    succeeded: streams.length,
    durationMs: performance.now() - startedMs,
    problems: [],
    roundTrips: undefined,
    lateP99Ms: undefined,
    headerBytes: undefined,
  };
}

async function callOnce(connection: CallConnection, path: Buffer, message: Buffer): Promise<void> {
  await new Promise<void>((resolve) => {
    const streamId = connection.call(path, {
      onBytes: () => {},
      onOver: (problem) => (problem === undefined ? resolve() : fail(problem)),
    });
    connection.send(streamId, message, true);
  });
}

/** Opens a stream and resolves when its message has come back. The stream stays open. */
async function hold(connection: CallConnection, path: Buffer, message: Buffer): Promise<void> {
  await new Promise<void>((resolve) => {
    let received = 0;
    const streamId = connection.call(path, {
      onBytes: (size) => {
        received += size;
        if (received === message.length) resolve();
      },
      onOver: (problem) => fail(problem ?? 'a stream was ended that should have stayed open'),
    });
    connection.send(streamId, message, false);
  });
}
