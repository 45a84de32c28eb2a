// What all measurements of a benchmark share: the folder, the certificate, the services, and how long to measure.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CertificateFiles } from './certificate.ts';
import type { EchoService } from './load-process.ts';
import type { Peer } from './peers.ts';
import type { StartedProcess } from './started-process.ts';

export interface Durations {
  readonly rounds: number;
  /** The CPU time of the proxy that one run of calls should take. Clock ticks are 10 ms, so 1 s is accurate to one percent. */
  readonly runCpuMs: number;
  readonly voiceMs: number;
  readonly latencyMs: number;
  readonly idleRounds: number;
}

export interface Services {
  /** The service that answers a POST with a file below `messageFolder`. */
  readonly nghttpd: { readonly port: number; readonly process: StartedProcess };
  readonly messageFolder: string;
  /** Two more of the same, where a workload has three endpoints. */
  readonly more: readonly { readonly port: number; readonly process: StartedProcess }[];
  readonly echo: EchoService;
  readonly http1: EchoService;
}

export interface Measuring extends Durations {
  readonly folder: string;
  readonly certificate: CertificateFiles;
  readonly services: Services;
  readonly h2loadProgram: string;
  /** @returns the proxies for a workload, Framegate first */
  readonly peersFor: (workloadName: string) => readonly Peer[];
}

export function makeFolder(parent: string, name: string): string {
  const folder = join(parent, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}
