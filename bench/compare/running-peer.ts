// A proxy of the comparison while it runs, and what it has used so far.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CertificateFiles } from './certificate.ts';
import type { Peer, Protocol } from './peers.ts';
import { cpuMicroseconds, residentKib } from './process-tree.ts';
import { StartedProcess } from './started-process.ts';
import { findFreePort, waitUntilAccepting } from './tcp-port.ts';

export interface PeerSurroundings {
  /** Where the peer gets a folder of its own. */
  readonly folder: string;
  readonly certificate: CertificateFiles;
  readonly upstreamPort: number;
  readonly streamsPerConnection: number;
  readonly accessLog: boolean;
  readonly workers: number;
  readonly protocol: Protocol;
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

  /** @param name of its folder, where several of a kind run */
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

  residentKib(): number {
    return residentKib(this.#samePids());
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }

  /** A worker that crashed and was replaced would take its CPU time with it, and the difference would be too small. */
  #samePids(): readonly number[] {
    const pids = this.#process.pids();
    if (pids.length === 0) throw new Error(`${this.name} has ended: ${this.#process.lastErrors()}`);
    if (this.#pids.length === 0) this.#pids = pids;
    if (pids.join() !== this.#pids.join()) throw new Error(`${this.name} has replaced a process of its own`);
    return pids;
  }
}
