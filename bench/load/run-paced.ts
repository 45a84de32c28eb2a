// Makes unary calls at a fixed rate, spread over a few connections, and measures the time from sending each to its trailers.

import { setTimeout as sleep } from 'node:timers/promises';
import { makeMessage } from '../compare/payload.ts';
import { type CallConnection, pathField } from './call-connection.ts';
import type { JobReport, PacedJob } from './job.ts';
import { openConnections } from './open-connections.ts';
import { pace } from './pace.ts';
import { Problems } from './problems.ts';
import { percentile, percentilesOf, Samples } from './samples.ts';

/** How long the last calls have to be answered. */
const AFTERMATH_MS = 1000;

export async function runPaced(job: PacedJob, measuring: () => void): Promise<JobReport> {
  const connections = await openConnections(job.port, job.connections);
  const message = makeMessage(job.payloadBytes);
  const path = pathField(job.path);
  const run = async (durationMs: number): Promise<PacedRun> => {
    const paced = new PacedRun(message, path);
    await pace(
      job.callsPerSecond,
      durationMs,
      (index, lateMs) => paced.call(connections[index % connections.length], lateMs),
      () => connections.forEach((connection) => connection.flush()),
    );
    return paced;
  };
  await run(job.settlingMs);
  measuring();
  const startedMs = performance.now();
  const measured = await run(job.measuredMs);
  const durationMs = performance.now() - startedMs;
  for (let waitedMs = 0; measured.underWay > 0 && waitedMs < AFTERMATH_MS; waitedMs += 10) await sleep(10);
  if (measured.underWay > 0) measured.problems.add(`${measured.underWay} calls without an answer`);
  for (const connection of connections) connection.close();
  return measured.report(durationMs);
}

class PacedRun {
  readonly problems = new Problems();
  underWay = 0;
  readonly #message: Buffer;
  readonly #path: Buffer;
  readonly #roundTrips = new Samples();
  readonly #late = new Samples();

  constructor(message: Buffer, path: Buffer) {
    this.#message = message;
    this.#path = path;
  }

  call(connection: CallConnection, lateMs: number): void {
    this.#late.add(lateMs);
    this.underWay++;
    const sentMs = performance.now();
    let received = 0;
    const streamId = connection.call(this.#path, {
      onBytes: (size) => {
        received += size;
      },
      onOver: (problem) => {
        this.underWay--;
        this.#roundTrips.add(performance.now() - sentMs);
        if (problem !== undefined) this.problems.add(problem);
        else if (received !== this.#message.length) this.problems.add(`${received} bytes came back`);
      },
    });
    connection.send(streamId, this.#message, true);
  }

  report(durationMs: number): JobReport {
    const roundTrips = percentilesOf(this.#roundTrips);
    return {
      succeeded: roundTrips.count,
      durationMs,
      problems: this.problems.sentences(),
      roundTrips,
      lateP99Ms: percentile(this.#late.sorted(), 0.99),
      headerBytes: undefined,
    };
  }
}
