// Opens TLS connections, a few at a time, makes some simultaneous calls on each, and closes it. A proxy cannot reuse what it has
// cached of earlier header blocks, because every connection is new and every call goes to a different method.

import { makeMessage } from '../compare/payload.ts';
import { CallConnection, pathField } from './call-connection.ts';
import type { ConnectionsJob, JobReport } from './job.ts';
import { HEADERS, requestBytes } from './open-connections.ts';
import { Problems } from './problems.ts';

export async function runConnections(job: ConnectionsJob, measuring: () => void): Promise<JobReport> {
  const message = makeMessage(job.payloadBytes);
  const paths = Array.from({ length: job.callsPerConnection }, (_, index) =>
    pathField(`${job.path}${index}`),
  );
  const problems = new Problems();
  let left = job.connections;
  let succeeded = 0;
  const call = async (connection: CallConnection, path: Buffer): Promise<void> =>
    await new Promise((resolve) => {
      let received = 0;
      const streamId = connection.call(path, {
        onBytes: (size) => {
          received += size;
        },
        onOver: (problem) => {
          const found = problem ?? (received === message.length ? undefined : `${received} bytes came back`);
          if (found === undefined) succeeded++;
          else problems.add(found);
          resolve();
        },
      });
      connection.send(streamId, message, true);
    });
  const repeat = async (): Promise<void> => {
    while (left-- > 0) {
      const connection = await CallConnection.open({ port: job.port, headers: HEADERS });
      await Promise.all(paths.map((path) => call(connection, path)));
      connection.close();
    }
  };
  measuring();
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: job.atOnce }, repeat));
  return {
    succeeded,
    durationMs: performance.now() - startedMs,
    problems: problems.sentences(),
    roundTrips: undefined,
    lateP99Ms: undefined,
    headerBytes: requestBytes(job.port, job.path),
  };
}
