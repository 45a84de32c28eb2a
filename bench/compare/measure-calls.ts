// CPU time per call of each proxy for one workload: all run side by side, one is loaded at a time, in turns.

import { setTimeout as sleep } from 'node:timers/promises';
import { type CallLoad, runCallLoad } from './call-load.ts';
import { probeCall } from './call-probe.ts';
import { callPath, messageFile } from './call-upstream.ts';
import { type Measurement, sentenceOf } from './measurement.ts';
import { makeMessage, messageBytes } from './payload.ts';
import type { Peer } from './peers.ts';
import { progress } from './progress.ts';
import { type PeerSurroundings, RunningPeer } from './running-peer.ts';
import type { CallWorkload } from './workloads.ts';

export interface CallMeasuring {
  readonly h2loadProgram: string;
  /** Where the call upstream keeps its messages. */
  readonly upstreamFolder: string;
  readonly surroundings: PeerSurroundings;
  readonly rounds: number;
  /** CPU time one measured run should take; clock ticks are 10 ms, so 1 s is good to a percent. */
  readonly runCpuMs: number;
}

interface Contestant {
  readonly peer: Peer;
  readonly samples: number[];
  readonly problems: string[];
  running?: RunningPeer;
  callsPerRun: number;
}

/** Access logs are written in batches, at most so long after the last call. */
const AFTERMATH_MS = 250;
const MAX_RUN_CALLS = 500_000;

export async function measureCalls(
  workload: CallWorkload,
  peers: readonly Peer[],
  measuring: CallMeasuring,
): Promise<readonly Measurement[]> {
  const contestants = peers.map((peer): Contestant => ({ peer, samples: [], problems: [], callsPerRun: 0 }));
  try {
    for (const contestant of contestants) {
      await attempt(contestant, () => prepare(contestant, workload, measuring));
    }
    for (let round = 0; round < measuring.rounds; round++) {
      // Another one begins every round, so that nobody always follows the same neighbour's noise.
      const start = round % contestants.length;
      for (const contestant of [...contestants.slice(start), ...contestants.slice(0, start)]) {
        await attempt(contestant, () => measureRun(contestant, workload, measuring, round));
      }
    }
  } finally {
    for (const { running } of contestants) await running?.stop();
  }
  return contestants.map(({ peer, samples, problems }) => ({
    workloadName: workload.name,
    peerName: peer.name,
    samples,
    problems,
  }));
}

/** What goes wrong with one proxy is said in its column; the others go on. */
async function attempt(contestant: Contestant, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    const problem = sentenceOf(error);
    progress(`${contestant.peer.name}: ${problem}`);
    contestant.problems.push(problem);
  }
}

async function prepare(
  contestant: Contestant,
  workload: CallWorkload,
  measuring: CallMeasuring,
): Promise<void> {
  progress(`${workload.title}: ${contestant.peer.name}, warm-up`);
  contestant.running = await RunningPeer.start(contestant.peer, measuring.surroundings);
  await probeCall(contestant.running.port, callPath(workload.name), makeMessage(workload.payloadBytes));
  const warmUp = await runLoad(contestant.running, workload, measuring, workload.warmUpCalls);
  if (warmUp.problem !== undefined) contestant.problems.push(`${warmUp.problem} (warm-up)`);
  const wanted = Math.ceil((measuring.runCpuMs * 1000) / warmUp.microsecondsPerCall);
  contestant.callsPerRun = Math.min(MAX_RUN_CALLS, Math.max(workload.warmUpCalls / 4, wanted));
}

async function measureRun(
  contestant: Contestant,
  workload: CallWorkload,
  measuring: CallMeasuring,
  round: number,
): Promise<void> {
  if (contestant.running === undefined || contestant.callsPerRun === 0) return;
  const run = await runLoad(contestant.running, workload, measuring, contestant.callsPerRun);
  contestant.samples.push(run.microsecondsPerCall);
  if (run.problem !== undefined) contestant.problems.push(run.problem);
  progress(
    `${workload.title}: ${contestant.peer.name}, round ${round + 1} of ${measuring.rounds}: ` +
      `${run.microsecondsPerCall.toFixed(2)} µs per call (${contestant.callsPerRun} calls in ` +
      `${(run.durationMs / 1000).toFixed(1)} s)${run.problem === undefined ? '' : `, ${run.problem}`}`,
  );
}

interface LoadedRun {
  readonly microsecondsPerCall: number;
  readonly durationMs: number;
  readonly problem: string | undefined;
}

async function runLoad(
  running: RunningPeer,
  workload: CallWorkload,
  measuring: CallMeasuring,
  calls: number,
): Promise<LoadedRun> {
  const load: CallLoad = {
    program: measuring.h2loadProgram,
    folder: measuring.surroundings.folder,
    port: running.port,
    path: callPath(workload.name),
    messageFile: messageFile(measuring.upstreamFolder, workload.name),
    responseBytes: messageBytes(workload.payloadBytes),
    connections: workload.connections,
    streamsPerConnection: workload.streamsPerConnection,
  };
  const cpuBefore = running.cpuMicroseconds();
  const result = await runCallLoad(load, calls);
  await sleep(AFTERMATH_MS);
  const cpuUsed = running.cpuMicroseconds() - cpuBefore;
  if (result.succeededCalls === 0) throw new Error('not one call succeeded');
  return {
    microsecondsPerCall: cpuUsed / result.succeededCalls,
    durationMs: result.durationMs,
    problem: result.problem,
  };
}
