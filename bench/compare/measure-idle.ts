// Resident memory per idle stream of each proxy: before and after many streams are opened through a fresh process.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Measurement, sentenceOf } from './measurement.ts';
import type { Peer } from './peers.ts';
import { progress } from './progress.ts';
import { type PeerSurroundings, RunningPeer } from './running-peer.ts';
import { StartedProcess } from './started-process.ts';
import type { IdleWorkload } from './workloads.ts';

export interface IdleMeasuring {
  readonly folder: string;
  readonly certificate: PeerSurroundings['certificate'];
  readonly rounds: number;
}

const OPENING_PATIENCE_MS = 60_000;
const SETTLING_PATIENCE_MS = 10_000;
const SETTLING_STEP_MS = 500;
/** Settled: no sample differs from the one before by more, three times in a row. */
const SETTLED_KIB = 64;

export async function measureIdle(
  workload: IdleWorkload,
  peers: readonly Peer[],
  measuring: IdleMeasuring,
): Promise<readonly Measurement[]> {
  const measurements = peers.map((peer) => ({
    workloadName: workload.name,
    peerName: peer.name,
    samples: [] as number[],
    problems: [] as string[],
  }));
  for (let round = 0; round < measuring.rounds; round++) {
    for (const [index, peer] of peers.entries()) {
      const { samples, problems } = measurements[index];
      const folder = join(measuring.folder, `round-${round}-${peer.name}`);
      mkdirSync(folder, { recursive: true });
      try {
        const kib = await measureOnce(workload, peer, { ...measuring, folder });
        samples.push(kib);
        progress(
          `${workload.title}: ${peer.name}, round ${round + 1} of ${measuring.rounds}: ${kib.toFixed(2)} KiB per stream`,
        );
      } catch (error) {
        problems.push(sentenceOf(error));
        progress(`${peer.name}: ${sentenceOf(error)}`);
      }
    }
  }
  return measurements;
}

async function measureOnce(workload: IdleWorkload, peer: Peer, measuring: IdleMeasuring): Promise<number> {
  const { folder } = measuring;
  const upstream = startChild('idle-upstream', [], folder);
  const stops: (() => Promise<void>)[] = [async () => await upstream.stop()];
  try {
    const upstreamPort = Number(await nextMessage(upstream));
    const running = await RunningPeer.start(peer, {
      folder,
      certificate: measuring.certificate,
      upstreamPort,
      streamsPerConnection: workload.streamsPerConnection,
    });
    stops.push(async () => await running.stop());
    const client = startChild(
      'idle-client',
      [running.port, workload.connections, workload.streamsPerConnection].map(String),
      folder,
    );
    stops.push(async () => await client.stop());
    await nextMessage(client);
    const beforeKib = await settledResidentKib(running);
    client.child.send('open');
    await nextMessage(client);
    const afterKib = await settledResidentKib(running);
    if (client.hasEnded) throw new Error(`the streams did not stay open: ${client.lastErrors()}`);
    return (afterKib - beforeKib) / (workload.connections * workload.streamsPerConnection);
  } finally {
    // The client first: a proxy asked to stop would wait for the open streams.
    for (const stop of stops.toReversed()) await stop();
  }
}

function startChild(
  program: 'idle-client' | 'idle-upstream',
  childArguments: readonly string[],
  folder: string,
): StartedProcess {
  return new StartedProcess({
    name: program,
    program: process.execPath,
    programArguments: [join(import.meta.dirname, `${program}.ts`), ...childArguments],
    folder,
    withMessages: true,
  });
}

async function nextMessage(started: StartedProcess): Promise<unknown> {
  return await new Promise((resolve, reject) => {
    const impatience = setTimeout(() => {
      reject(new Error(`${started.name} was not ready within ${OPENING_PATIENCE_MS / 1000} s`));
    }, OPENING_PATIENCE_MS);
    started.child.once('message', (message) => {
      clearTimeout(impatience);
      resolve(message);
    });
    started.child.once('exit', (code, signal) => {
      clearTimeout(impatience);
      reject(new Error(`${started.name} ended (${code ?? signal}): ${started.lastErrors()}`));
    });
  });
}

async function settledResidentKib(running: RunningPeer): Promise<number> {
  const deadlineMs = Date.now() + SETTLING_PATIENCE_MS;
  let residentKib = running.residentKib();
  for (let calmSteps = 0; calmSteps < 3 && Date.now() < deadlineMs; ) {
    await sleep(SETTLING_STEP_MS);
    const nowKib = running.residentKib();
    calmSteps = Math.abs(nowKib - residentKib) <= SETTLED_KIB ? calmSteps + 1 : 0;
    residentKib = nowKib;
  }
  return residentKib;
}
