// Measures the resident memory of each proxy per idle stream or per idle connection: before and after many of them are opened
// through a new process.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { callPath } from './call-upstream.ts';
import type { Contestant, RunResult } from './contest.ts';
import { LoadProcess } from './load-process.ts';
import type { Peer } from './peers.ts';
import { RunningPeer } from './running-peer.ts';
import { type Measuring, makeFolder } from './surroundings.ts';
import type { IdleWorkload } from './workloads.ts';

const SETTLING_PATIENCE_MS = 10_000;
const SETTLING_STEP_MS = 500;
/** Memory has settled when three samples in a row differ from the one before by at most this. */
const SETTLED_KIB = 64;
/** The number of calls on each connection of the baseline before the baseline is taken. */
const CALLS_BEFORE = 100;
/** Connections opened before the baseline, because the first ones of a process would also pay for what all share. */
const BASELINE_CONNECTIONS = 20;

export function idleContestants(workload: IdleWorkload, measuring: Measuring): readonly Contestant[] {
  const { name: workloadName, peerNames } = workload;
  return measuring
    .peersFor(workloadName)
    .filter(({ name }) => name === 'framegate' || peerNames === undefined || peerNames.includes(name))
    .map((peer) => new IdleContestant(peer, workload, measuring));
}

class IdleContestant implements Contestant {
  readonly peerName: string;
  readonly rowNames: readonly string[];
  readonly #peer: Peer;
  readonly #workload: IdleWorkload;
  readonly #measuring: Measuring;

  constructor(peer: Peer, workload: IdleWorkload, measuring: Measuring) {
    this.#peer = peer;
    this.#workload = workload;
    this.#measuring = measuring;
    this.peerName = peer.name;
    this.rowNames = [workload.name];
  }

  /** There is nothing to prepare, because every round starts a new process. */
  async prepare(): Promise<void> {}

  async stop(): Promise<void> {}

  async run(round: number): Promise<RunResult> {
    const { name, streamsPerConnection, per } = this.#workload;
    const folder = join(makeFolder(this.#measuring.folder, name), `round-${round}-${this.peerName}`);
    mkdirSync(folder, { recursive: true });
    const running = await RunningPeer.start(this.#peer, {
      folder,
      certificate: this.#measuring.certificate,
      upstreamPort: this.#measuring.services.echo.port,
      streamsPerConnection,
      accessLog: true,
      workers: 1,
      protocol: 'grpc',
    });
    try {
      const kib = await (per === 'connection'
        ? this.#perConnection(running, folder)
        : this.#perStream(running, folder));
      return { figures: { [name]: kib }, problems: [], note: `${kib.toFixed(2)} KiB each` };
    } finally {
      await running.stop();
    }
  }

  async #perStream(running: RunningPeer, folder: string): Promise<number> {
    const { connections, streamsPerConnection } = this.#workload;
    const load = this.#open(running, folder, {
      connections,
      streamsPerConnection,
      callsBefore: CALLS_BEFORE,
    });
    try {
      await load.next('ready');
      const beforeKib = await settledResidentKib(running);
      const opened = load.next('report');
      load.goOn();
      await opened;
      const afterKib = await settledResidentKib(running);
      if (load.hasEnded) throw new Error(`the streams did not stay open: ${load.lastErrors()}`);
      return (afterKib - beforeKib) / (connections * streamsPerConnection);
    } finally {
      await load.stop();
    }
  }

  async #perConnection(running: RunningPeer, folder: string): Promise<number> {
    const { connections, streamsPerConnection } = this.#workload;
    const first = this.#open(running, folder, {
      connections: BASELINE_CONNECTIONS,
      streamsPerConnection: 0,
      callsBefore: CALLS_BEFORE,
    });
    let load: LoadProcess | undefined;
    try {
      await first.next('ready');
      const beforeKib = await settledResidentKib(running);
      load = this.#open(running, folder, { connections, streamsPerConnection, callsBefore: 1 });
      await load.next('ready');
      const opened = load.next('report');
      load.goOn();
      await opened;
      const afterKib = await settledResidentKib(running);
      if (load.hasEnded) throw new Error(`the connections did not stay open: ${load.lastErrors()}`);
      return (afterKib - beforeKib) / connections;
    } finally {
      await load?.stop();
      await first.stop();
    }
  }

  #open(
    running: RunningPeer,
    folder: string,
    shape: {
      readonly connections: number;
      readonly streamsPerConnection: number;
      readonly callsBefore: number;
    },
  ): LoadProcess {
    return new LoadProcess(
      { kind: 'idle', port: running.port, path: callPath('idle'), payloadBytes: 64, ...shape },
      folder,
    );
  }
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
