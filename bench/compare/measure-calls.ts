// Measures the CPU time per call: h2load makes calls in a closed loop through one proxy at a time.

import { setTimeout as sleep } from 'node:timers/promises';
import { type CallLoad, runCallLoad } from './call-load.ts';
import { probeCall } from './call-probe.ts';
import { callPath, requestFile } from './call-upstream.ts';
import type { Contestant, RunResult } from './contest.ts';
import { tokenFor } from './issued-token.ts';
import { AFTERMATH_MS, JAVASCRIPT_WARM_MICROSECONDS, LoadProcess } from './load-process.ts';
import { makeMessage, messageBytes } from './payload.ts';
import type { Peer } from './peers.ts';
import { RunningPeer } from './running-peer.ts';
import { type Measuring, makeFolder } from './surroundings.ts';
import type { CallWorkload, Variant } from './workloads.ts';

/** The number of calls in the first step of the warm-up, which shows roughly what a call costs. */
const FIRST_CALLS = 400;
const MAX_RUN_CALLS = 500_000;

export function callContestants(workload: CallWorkload, measuring: Measuring): readonly Contestant[] {
  return workload.variants.flatMap((variant) => {
    const chosen = variant.peerNames ?? workload.peerNames;
    return measuring
      .peersFor(workload.name)
      .filter(({ name }) => name === 'framegate' || chosen === undefined || chosen.includes(name))
      .filter(({ hasWorkers }) => variant.workers === 1 || hasWorkers)
      .map((peer) => new CallContestant(peer, workload, variant, measuring));
  });
}

class CallContestant implements Contestant {
  readonly peerName: string;
  readonly rowNames: readonly string[];
  readonly #peer: Peer;
  readonly #workload: CallWorkload;
  readonly #variant: Variant;
  readonly #measuring: Measuring;
  readonly #folder: string;
  #running: RunningPeer | undefined = undefined;
  #idle: LoadProcess | undefined = undefined;
  #callsPerRun = 0;
  #headers: Readonly<Record<string, string>> = {};

  constructor(peer: Peer, workload: CallWorkload, variant: Variant, measuring: Measuring) {
    this.#peer = peer;
    this.#workload = workload;
    this.#variant = variant;
    this.#measuring = measuring;
    this.peerName = peer.name;
    this.rowNames = [variant.rowName];
    this.#folder = makeFolder(measuring.folder, `${variant.rowName}-${peer.name}`);
  }

  async prepare(): Promise<void> {
    const { services, certificate } = this.#measuring;
    const token = this.#workload.hasToken ? await tokenFor(this.#measuring.folder) : undefined;
    if (token !== undefined) this.#headers = { authorization: token.authorization };
    const isEcho = this.#workload.service === 'echo';
    const running = await RunningPeer.start(this.#peer, {
      folder: this.#folder,
      certificate,
      upstreamPort: isEcho ? services.echo.port : services.nghttpd.port,
      morePorts: this.#workload.hasThreeEndpoints ? services.more.map(({ port }) => port) : [],
      guarded: { safeguards: this.#variant.safeguards ?? [], healthPath: callPath(this.#workload.name) },
      checked: token === undefined ? undefined : { checks: this.#variant.checks ?? [], token },
      streamsPerConnection: this.#workload.streamsPerConnection,
      accessLog: this.#workload.accessLog,
      workers: this.#variant.workers,
      assembled: this.#variant.assembled,
      protocol: 'grpc',
    });
    this.#running = running;
    await probeCall(
      running.port,
      callPath(this.#workload.name),
      makeMessage(this.#workload.requestBytes),
      makeMessage(this.#workload.responseBytes),
      this.#headers,
    );
    if (this.#variant.idleStreams > 0) await this.#openIdleStreams(running);
    await this.#warmUp(running);
  }

  async run(): Promise<RunResult> {
    const running = this.#running;
    if (running === undefined) throw new Error('not prepared');
    const run = await this.#load(running, this.#callsPerRun);
    if (this.#idle?.hasEnded) throw new Error(`the idle streams ended: ${this.#idle.lastErrors()}`);
    return {
      figures: { [this.#variant.rowName]: run.microsecondsPerCall },
      problems: run.problem === undefined ? [] : [run.problem],
      note:
        `${run.microsecondsPerCall.toFixed(2)} µs per call (${this.#callsPerRun} calls in ` +
        `${(run.durationMs / 1000).toFixed(1)} s)${run.problem === undefined ? '' : `, ${run.problem}`}`,
    };
  }

  async stop(): Promise<void> {
    // The client stops first, because otherwise the proxy would wait for its open streams.
    await this.#idle?.stop();
    await this.#running?.stop();
  }

  async #openIdleStreams(running: RunningPeer): Promise<void> {
    const { idleStreams } = this.#variant;
    const connections = Math.min(100, Math.max(10, idleStreams / 100));
    const idle = new LoadProcess(
      {
        kind: 'idle',
        port: running.port,
        path: callPath('idle'),
        payloadBytes: 64,
        connections,
        streamsPerConnection: idleStreams / connections,
        callsBefore: 0,
      },
      this.#folder,
    );
    this.#idle = idle;
    await idle.next('ready');
    const opened = idle.next('report');
    idle.goOn();
    await opened;
  }

  /** Warms up long enough for a JIT compiler, and finds out how many calls fill the measured time. */
  async #warmUp(running: RunningPeer): Promise<void> {
    const wantedMicroseconds = this.#measuring.runCpuMs * 1000;
    const enoughMicroseconds = this.#peer.isJavaScript ? JAVASCRIPT_WARM_MICROSECONDS : wantedMicroseconds;
    let callsBefore = 0;
    let microsecondsBefore = 0;
    let microsecondsPerCall = 1;
    // The warm-up goes in growing steps, because the first calls of a cold process say little about the cost of later ones.
    for (let calls = FIRST_CALLS; callsBefore < this.#workload.warmUpCalls; calls *= 3) {
      const run = await this.#load(running, Math.min(calls, this.#workload.warmUpCalls), 0);
      microsecondsPerCall = Math.max(0.1, run.microsecondsPerCall);
      callsBefore += calls;
      microsecondsBefore += microsecondsPerCall * calls;
      if (microsecondsBefore > enoughMicroseconds) break;
    }
    const wanted = Math.ceil(wantedMicroseconds / microsecondsPerCall);
    this.#callsPerRun = this.#workload.callsPerRun ?? Math.min(MAX_RUN_CALLS, Math.max(1000, wanted));
  }

  async #load(running: RunningPeer, calls: number, aftermathMs?: number): Promise<LoadedRun> {
    const { name, responseBytes, connections, streamsPerConnection } = this.#workload;
    const load: CallLoad = {
      program: this.#measuring.h2loadProgram,
      folder: this.#folder,
      port: running.port,
      path: callPath(name),
      messageFile: requestFile(this.#measuring.services.messageFolder, name),
      responseBytes: messageBytes(responseBytes),
      connections,
      streamsPerConnection,
      requests: 'grpc',
      headers: this.#headers,
    };
    return await loadAndMeasure(load, calls, running, aftermathMs);
  }
}

export interface LoadedRun {
  readonly microsecondsPerCall: number;
  readonly durationMs: number;
  readonly problem: string | undefined;
}

/** @param aftermathMs how long to wait for what the proxy does after the last call */
export async function loadAndMeasure(
  load: CallLoad,
  calls: number,
  running: RunningPeer,
  aftermathMs = AFTERMATH_MS,
): Promise<LoadedRun> {
  const cpuBefore = running.cpuMicroseconds();
  const result = await runCallLoad(load, calls);
  await sleep(aftermathMs);
  const cpuUsed = running.cpuMicroseconds() - cpuBefore;
  if (result.succeededCalls === 0) throw new Error('not one call succeeded');
  return {
    microsecondsPerCall: cpuUsed / result.succeededCalls,
    durationMs: result.durationMs,
    problem: result.problem,
  };
}
