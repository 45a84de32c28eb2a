// Measures the CPU time per plaintext request to an HTTP/1.1 service: h2load uses persistent connections of either version.

import { BODY_BYTES } from '../bridge/http1-load.ts';
import type { CallLoad } from './call-load.ts';
import type { Contestant, RunResult } from './contest.ts';
import { loadAndMeasure } from './measure-calls.ts';
import type { Peer } from './peers.ts';
import { RunningPeer } from './running-peer.ts';
import { type Measuring, makeFolder } from './surroundings.ts';
import type { BridgeWorkload } from './workloads.ts';

const WARM_UP_REQUESTS = 20_000;

export function bridgeContestants(workload: BridgeWorkload, measuring: Measuring): readonly Contestant[] {
  return measuring
    .peersFor(workload.name)
    .filter(({ speaksHttp1 }) => speaksHttp1)
    .map((peer) => new BridgeContestant(peer, workload, measuring));
}

class BridgeContestant implements Contestant {
  readonly peerName: string;
  readonly rowNames: readonly string[];
  readonly #peer: Peer;
  readonly #workload: BridgeWorkload;
  readonly #measuring: Measuring;
  readonly #folder: string;
  #running: RunningPeer | undefined = undefined;
  #requestsPerRun = 0;

  constructor(peer: Peer, workload: BridgeWorkload, measuring: Measuring) {
    this.#peer = peer;
    this.#workload = workload;
    this.#measuring = measuring;
    this.peerName = peer.name;
    this.rowNames = [workload.name];
    this.#folder = makeFolder(measuring.folder, `${workload.name}-${peer.name}`);
  }

  async prepare(): Promise<void> {
    this.#running = await RunningPeer.start(this.#peer, {
      folder: this.#folder,
      certificate: this.#measuring.certificate,
      upstreamPort: this.#measuring.services.http1.port,
      streamsPerConnection: 1,
      accessLog: true,
      workers: 1,
      protocol: 'http1',
    });
    const { microsecondsPerCall } = await loadAndMeasure(
      this.#load(this.#running),
      WARM_UP_REQUESTS,
      this.#running,
    );
    this.#requestsPerRun = Math.ceil((this.#measuring.runCpuMs * 1000) / microsecondsPerCall);
  }

  async run(): Promise<RunResult> {
    if (this.#running === undefined) throw new Error('not prepared');
    const run = await loadAndMeasure(this.#load(this.#running), this.#requestsPerRun, this.#running);
    return {
      figures: { [this.#workload.name]: run.microsecondsPerCall },
      problems: run.problem === undefined ? [] : [run.problem],
      note: `${run.microsecondsPerCall.toFixed(2)} µs per request`,
    };
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
  }

  #load(running: RunningPeer): CallLoad {
    return {
      program: this.#measuring.h2loadProgram,
      folder: this.#folder,
      port: running.port,
      path: '/assets/app.js?v=1',
      messageFile: '',
      responseBytes: BODY_BYTES,
      connections: this.#workload.connections,
      streamsPerConnection: this.#workload.streamsPerConnection,
      requests: this.#workload.requests,
    };
  }
}
