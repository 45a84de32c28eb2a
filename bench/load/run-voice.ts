// Runs bidirectional streams as in voice applications: each sends a small message every `intervalMs`, which the service sends back.
// The streams' sending times are spread evenly, as those of independent speakers are.

import { makeMessage } from '../compare/payload.ts';
import { type CallConnection, type CallOwner, pathField } from './call-connection.ts';
import type { JobReport, VoiceJob } from './job.ts';
import { openConnections } from './open-connections.ts';
import { pace } from './pace.ts';
import { Problems } from './problems.ts';
import { percentile, percentilesOf, Samples } from './samples.ts';

/** If less than this fraction of the messages comes back during the measurement, the proxy cannot keep up. */
const ENOUGH = 0.98;
/** If the generator's 99th percentile of lateness exceeds this, the generator itself is the bottleneck. */
const LATEST_MS = 20;

interface Measured {
  readonly roundTrips: Samples;
  readonly late: Samples;
}

class VoiceStream implements CallOwner {
  measured: Measured | undefined = undefined;
  readonly #connection: CallConnection;
  readonly #streamId: number;
  readonly #message: Buffer;
  readonly #problems: Problems;
  readonly #sentMs: number[] = [];
  #received = 0;

  constructor(connection: CallConnection, path: Buffer, message: Buffer, problems: Problems) {
    this.#connection = connection;
    this.#message = message;
    this.#problems = problems;
    this.#streamId = connection.call(path, this);
  }

  speak(lateMs: number): void {
    this.measured?.late.add(lateMs);
    this.#sentMs.push(performance.now());
    this.#connection.send(this.#streamId, this.#message, false);
  }

  onBytes(size: number): void {
    this.#received += size;
    while (this.#received >= this.#message.length) {
      this.#received -= this.#message.length;
      const sentMs = this.#sentMs.shift();
      if (sentMs === undefined) this.#problems.add('more bytes came back than were sent');
      else this.measured?.roundTrips.add(performance.now() - sentMs);
    }
  }

  onOver(problem: string | undefined): void {
    this.#problems.add(problem ?? 'a stream was ended that should have stayed open');
  }

  cancel(): void {
    this.#connection.cancel(this.#streamId);
  }
}

export async function runVoice(job: VoiceJob, measuring: () => void): Promise<JobReport> {
  const connections = await openConnections(job.port, job.connections);
  const message = makeMessage(job.payloadBytes);
  const path = pathField(job.path);
  const problems = new Problems();
  const count = job.connections * job.streamsPerConnection;
  // Streams that send one after the other are on different connections.
  const streams = Array.from(
    { length: count },
    (_, index) => new VoiceStream(connections[index % connections.length], path, message, problems),
  );
  const perSecond = (count * 1000) / job.intervalMs;
  const speak = async (durationMs: number): Promise<void> =>
    await pace(
      perSecond,
      durationMs,
      (index, lateMs) => streams[index % count].speak(lateMs),
      () => connections.forEach((connection) => connection.flush()),
    );
  await speak(job.settlingMs);
  const measured = { roundTrips: new Samples(), late: new Samples() };
  for (const stream of streams) stream.measured = measured;
  measuring();
  const startedMs = performance.now();
  await speak(job.measuredMs);
  const durationMs = performance.now() - startedMs;
  for (const stream of streams) stream.measured = undefined;
  for (const stream of streams) stream.cancel();
  for (const connection of connections) connection.close();
  const roundTrips = percentilesOf(measured.roundTrips);
  const expected = (job.measuredMs / 1000) * perSecond;
  if (roundTrips.count < expected * ENOUGH)
    problems.add(`cannot keep up: ${roundTrips.count} of ${expected} messages came back in time`);
  // If messages queue up, they are handled in batches, which makes them look cheap.
  if (roundTrips.p50Ms > job.intervalMs)
    problems.add(`cannot keep up: half of the round trips took more than ${job.intervalMs} ms`);
  const lateP99Ms = percentile(measured.late.sorted(), 0.99);
  if (lateP99Ms > LATEST_MS)
    problems.add(`the generator itself was late by ${lateP99Ms.toFixed(0)} ms (p99)`);
  return {
    succeeded: roundTrips.count,
    durationMs,
    problems: problems.sentences(),
    roundTrips,
    lateP99Ms,
    headerBytes: undefined,
  };
}
