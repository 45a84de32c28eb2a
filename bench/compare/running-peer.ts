// A running proxy of the comparison, and the CPU time and memory it has used so far.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Checked } from './caller-checks.ts';
import type { CertificateFiles } from './certificate.ts';
import type { Assembled, Peer, Protocol } from './peers.ts';
import { cpuMicroseconds, residentKib } from './process-tree.ts';
import type { Guarded } from './safeguards.ts';
import { StartedProcess } from './started-process.ts';
import { findFreePort, waitUntilAccepting } from './tcp-port.ts';

export interface PeerSurroundings {
  /** The folder in which the peer gets its own folder. */
  readonly folder: string;
  readonly certificate: CertificateFiles;
  readonly upstreamPort: number;
  readonly streamsPerConnection: number;
  readonly accessLog: boolean;
  readonly workers: number;
  readonly protocol: Protocol;
  readonly assembled?: Assembled | undefined;
  readonly morePorts?: readonly number[] | undefined;
  readonly guarded?: Guarded | undefined;
  readonly checked?: Checked | undefined;
  readonly traceExporter?: string | undefined;
}

export class RunningPeer {
  readonly name: string;
  readonly port: number;
  readonly #process: StartedProcess;
  #pids: readonly number[] = [];

  private constructor(name: string, port: number, started: StartedProcess) {
    this.name = name;
    this.port = port;
    this.#process = started;
  }

  /** @param name the name of its folder, if several peers of a kind run */
  static async start(peer: Peer, surroundings: PeerSurroundings, name = peer.name): Promise<RunningPeer> {
    const folder = join(surroundings.folder, name);
    mkdirSync(folder, { recursive: true });
    const listenPort = await findFreePort();
    const command = peer.prepare({
      ...surroundings.certificate,
      ...surroundings,
      folder,
      listenPort,
      adminPort: await findFreePort(),
    });
    const started = new StartedProcess({ name: peer.name, ...command, folder });
    try {
      await waitUntilAccepting(listenPort, started);
    } catch (error) {
      await started.stop();
      throw error;
    }
    return new RunningPeer(peer.name, listenPort, started);
  }

  cpuMicroseconds(): number {
    return cpuMicroseconds(this.#samePids());
  }

  /** Of the process that was started, without its children. */
  firstCpuMicroseconds(): number {
    this.#samePids();
    return cpuMicroseconds([this.#process.child.pid ?? 0]);
  }

  residentKib(): number {
    return residentKib(this.#samePids());
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }

  /** Throws if the processes have changed: the CPU time of a crashed worker would be lost, and the measured difference too small. */
  #samePids(): readonly number[] {
    const pids = this.#process.pids();
    if (pids.length === 0) throw new Error(`${this.name} has ended: ${this.#process.lastErrors()}`);
    if (this.#pids.length === 0) this.#pids = pids;
    if (pids.join() !== this.#pids.join()) throw new Error(`${this.name} has replaced a process of its own`);
    return pids;
  }
}
