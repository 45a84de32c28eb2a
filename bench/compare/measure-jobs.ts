// The workloads that our own generator drives: voice, calls at a fixed rate, new connections, changing metadata.

import type { ChangingFields } from '../load/job.ts';
import type { Contestant } from './contest.ts';
import { JobContestant, type JobPlan, PATH } from './job-contestant.ts';
import type { MeasuredJob } from './load-process.ts';
import { callContestants } from './measure-calls.ts';
import type { Measuring } from './surroundings.ts';
import type {
  ConnectionsWorkload,
  LatencyWorkload,
  MetadataWorkload,
  TracingWorkload,
  ValidationWorkload,
  VoiceWorkload,
} from './workloads.ts';

const MESSAGE_BYTES = 64;
/** 20 ms of audio at 256 kbit/s, which is uncompressed 16-bit speech at 16 kHz. */
const VOICE_BYTES = 640;
const VOICE_INTERVAL_MS = 20;
const SETTLING_MS = 700;

function contestants(plan: JobPlan, measuring: Measuring): readonly JobContestant[] {
  return measuring.peersFor(plan.workloadName).map((peer) => new JobContestant(peer, plan, measuring));
}

function microsecondsEach({ report, cpuMicroseconds }: MeasuredJob): number {
  return cpuMicroseconds / report.succeeded;
}

export function voiceContestants(workload: VoiceWorkload, measuring: Measuring): readonly Contestant[] {
  const { name, connections, streamsPerConnection } = workload;
  const job = (port: number, settlingMs: number, measuredMs: number) =>
    ({
      kind: 'voice',
      port,
      path: PATH,
      payloadBytes: VOICE_BYTES,
      connections,
      streamsPerConnection,
      intervalMs: VOICE_INTERVAL_MS,
      settlingMs,
      measuredMs,
    }) as const;
  const plan: JobPlan = {
    workloadName: name,
    rowNames: workload.rows.map((row) => row.name),
    streamsPerConnection,
    warmUp: (port) => job(port, 0, SETTLING_MS),
    job: (port) => job(port, SETTLING_MS, measuring.voiceMs),
    figuresOf: (measured) => ({
      [name]: microsecondsEach(measured),
      [`${name}-p50`]: measured.report.roundTrips?.p50Ms ?? Number.NaN,
      [`${name}-p99`]: measured.report.roundTrips?.p99Ms ?? Number.NaN,
      [`${name}-p999`]: measured.report.roundTrips?.p999Ms ?? Number.NaN,
    }),
  };
  return contestants(plan, measuring);
}

/** All proxies get the same rate: half of what the slowest can do. */
export function latencyContestants(workload: LatencyWorkload, measuring: Measuring): readonly Contestant[] {
  const { connections } = workload;
  const made: readonly JobContestant[] = contestants(
    {
      workloadName: workload.name,
      rowNames: workload.rows.map((row) => row.name),
      streamsPerConnection: 128,
      warmUp: (port) => closedJob(port, connections, 10, 20_000, 'none'),
      job: (port) => ({
        kind: 'paced',
        port,
        path: PATH,
        payloadBytes: MESSAGE_BYTES,
        connections,
        callsPerSecond: rate(),
        settlingMs: SETTLING_MS,
        measuredMs: measuring.latencyMs,
      }),
      figuresOf: ({ report }) => ({
        'latency-p50': report.roundTrips?.p50Ms ?? Number.NaN,
        'latency-p99': report.roundTrips?.p99Ms ?? Number.NaN,
        'latency-p999': report.roundTrips?.p999Ms ?? Number.NaN,
      }),
    },
    measuring,
  );
  const rate = (): number =>
    halfOfSlowest(
      made
        .map(({ warmReport }) => warmReport)
        .filter((report) => report !== undefined)
        .map(({ succeeded, durationMs }) => (succeeded * 1000) / durationMs),
    );
  return made;
}

/** @returns half of the lowest rate, rounded down to whole hundreds so that runs can be compared; at least 100 */
export function halfOfSlowest(callsPerSecond: readonly number[]): number {
  return Math.max(100, Math.floor(Math.min(...callsPerSecond) / 200) * 100);
}

export function connectionsContestants(
  workload: ConnectionsWorkload,
  measuring: Measuring,
): readonly Contestant[] {
  const { name, callsPerConnection } = workload;
  const job = (port: number, connections: number) =>
    ({
      kind: 'connections',
      port,
      path: PATH,
      payloadBytes: MESSAGE_BYTES,
      connections,
      atOnce: 8,
      callsPerConnection,
    }) as const;
  const plan: JobPlan = {
    workloadName: name,
    rowNames: [name],
    streamsPerConnection: callsPerConnection,
    warmUp: (port) => job(port, 500),
    job: (port, warm) =>
      job(port, runLength(warm, measuring.runCpuMs, 3000 * callsPerConnection) / callsPerConnection),
    figuresOf: (measured) => ({ [name]: microsecondsEach(measured) }),
  };
  return contestants(plan, measuring);
}

/** Each proxy runs with and without the metadata, because only the difference shows what a field costs. */
export function metadataContestants(workload: MetadataWorkload, measuring: Measuring): readonly Contestant[] {
  const { connections, streamsPerConnection, changing, plainRowName } = workload;
  return ([changing, 'none'] as const).flatMap((fields) => {
    const rowName = fields === 'none' ? plainRowName : workload.name;
    const job = (port: number, calls: number) =>
      closedJob(port, connections, streamsPerConnection, calls, fields);
    const plan: JobPlan = {
      workloadName: workload.name,
      rowNames: [rowName, `${rowName}-byte`],
      streamsPerConnection,
      warmUp: (port) => job(port, 20_000),
      job: (port, warm) => job(port, runLength(warm, measuring.runCpuMs, 200_000)),
      figuresOf: (measured) => ({
        [rowName]: microsecondsEach(measured),
        [`${rowName}-byte`]:
          (microsecondsEach(measured) * 1000) / (measured.report.headerBytes ?? Number.NaN),
      }),
    };
    return contestants(plan, measuring);
  });
}

/** Framegate alone, with traces and without. Each call has a traceparent of its own, which is passed on either way. */
export function tracingContestants(workload: TracingWorkload, measuring: Measuring): readonly Contestant[] {
  const { connections, streamsPerConnection } = workload;
  const job = (port: number, calls: number) =>
    closedJob(port, connections, streamsPerConnection, calls, 'traceparent');
  const plan = {
    workloadName: workload.name,
    streamsPerConnection,
    warmUp: (port: number) => job(port, 20_000),
  };
  const measuredJob: JobPlan['job'] = (port, warm) => job(port, runLength(warm, measuring.runCpuMs, 200_000));
  const plans: readonly JobPlan[] = [
    {
      ...plan,
      rowNames: ['traces-off'],
      job: measuredJob,
      figuresOf: (measured) => ({ 'traces-off': microsecondsEach(measured) }),
    },
    {
      ...plan,
      rowNames: ['traces-on-carrier', 'traces-on'],
      isTraced: true,
      job: measuredJob,
      figuresOf: (measured) => ({
        'traces-on-carrier': measured.firstCpuMicroseconds / measured.report.succeeded,
        'traces-on': microsecondsEach(measured),
      }),
    },
  ];
  return plans.flatMap((one) =>
    contestants(one, measuring).filter(({ peerName }) => peerName === 'framegate'),
  );
}

export function validationContestants(
  workload: ValidationWorkload,
  measuring: Measuring,
): readonly Contestant[] {
  const { byH2load } = workload;
  const { connections, streamsPerConnection, peerNames = [], warmUpCalls } = byH2load;
  const rowName = 'by-generator';
  const job = (port: number, calls: number) =>
    closedJob(port, connections, streamsPerConnection, calls, 'none');
  const plan: JobPlan = {
    workloadName: workload.name,
    rowNames: [rowName],
    streamsPerConnection,
    warmUp: (port) => job(port, warmUpCalls),
    job: (port, warm) => job(port, runLength(warm, measuring.runCpuMs, 500_000)),
    figuresOf: (measured) => ({ [rowName]: microsecondsEach(measured) }),
  };
  const byGenerator = contestants(plan, measuring).filter(
    ({ peerName }) => peerName === 'framegate' || peerNames.includes(peerName),
  );
  // For each proxy, h2load and the generator run directly after each other.
  return callContestants(byH2load, measuring).flatMap((contestant) => [
    contestant,
    ...byGenerator.filter(({ peerName }) => peerName === contestant.peerName),
  ]);
}

function closedJob(
  port: number,
  connections: number,
  streamsPerConnection: number,
  calls: number,
  changing: ChangingFields,
) {
  return {
    kind: 'closed',
    port,
    path: PATH,
    payloadBytes: MESSAGE_BYTES,
    connections,
    streamsPerConnection,
    calls,
    changing,
  } as const;
}

/** @returns the number of calls that take the wanted CPU time */
function runLength(warm: MeasuredJob, runCpuMs: number, atMost: number): number {
  return Math.round(Math.min(atMost, (runCpuMs * 1000) / Math.max(1, microsecondsEach(warm))));
}
