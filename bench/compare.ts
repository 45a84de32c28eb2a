// npm run bench: Framegate beside other proxies on this machine, CPU time per call and memory per idle stream.
// What is measured and how to read it is in README.md beside this file.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startCallUpstream } from './compare/call-upstream.ts';
import { type CertificateFiles, makeCertificate } from './compare/certificate.ts';
import { cleanUpAtExit, makeTemporaryFolder } from './compare/clean-up.ts';
import { buildFramegate, withCpuProfile } from './compare/framegate-build.ts';
import { checkLimits, type LimitResult, limitLines } from './compare/limits.ts';
import { describeMachine, type MachineDescription, machineLines } from './compare/machine.ts';
import { measureCalls } from './compare/measure-calls.ts';
import { measureIdle } from './compare/measure-idle.ts';
import { type Measurement, median, sentenceOf } from './compare/measurement.ts';
import { HELP, type Options, parseOptions } from './compare/options.ts';
import {
  type FramegateProgram,
  findOtherPeer,
  findProgram,
  framegatePeer,
  OTHER_PEER_NAMES,
  type Peer,
  versionOf,
} from './compare/peers.ts';
import { progress } from './compare/progress.ts';
import { tableLines } from './compare/table.ts';
import { unitOf, WORKLOADS, type Workload } from './compare/workloads.ts';

interface Programs {
  readonly framegate: FramegateProgram | undefined;
  readonly others: readonly Peer[];
  readonly h2load: string;
  readonly nghttpd: string;
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) {
    console.log(HELP);
    return 0;
  }
  cleanUpAtExit();
  const programs = findPrograms(options);
  const machine = describeMachine(versionsOf(programs));
  console.log(`${machineLines(machine).join('\n')}\n`);

  const workloads = WORKLOADS.filter(({ name }) => options.workloadNames.includes(name));
  const measurements = await measure(workloads, programs, options);
  const peerNames = peersOf(programs, undefined, '').map(({ name }) => name);
  console.log(tableLines(workloads, peerNames, measurements).join('\n'));

  const limits = checkLimits(workloads, measurements);
  if (programs.framegate !== undefined || options.assert) console.log(`\n${limitLines(limits).join('\n')}`);
  if (options.jsonFile !== undefined) {
    writeFileSync(options.jsonFile, jsonOf(machine, workloads, measurements, limits));
  }
  return options.assert && limits.some(({ isKept }) => !isKept) ? 1 : 0;
}

function findPrograms(options: Options): Programs {
  const h2load = findProgram('h2load');
  const nghttpd = findProgram('nghttpd');
  if (h2load === undefined || nghttpd === undefined) {
    const missing = [h2load ?? 'h2load', nghttpd ?? 'nghttpd'].filter((name) => !name.includes('/'));
    throw new Error(`${missing.join(' and ')} not found: sudo apt-get install nghttp2-client nghttp2-server`);
  }
  const wanted = OTHER_PEER_NAMES.filter((name) => options.peerNames.includes(name));
  const others: Peer[] = [];
  for (const name of wanted) {
    const peer = findOtherPeer(name);
    if (peer === undefined) progress(`${name} is not installed: left out`);
    else others.push(peer);
  }
  let framegate: FramegateProgram | undefined;
  if (options.peerNames.includes('framegate')) {
    framegate = buildFramegate(options.nodeProgram, options.framegateMain);
    if (framegate === undefined) progress('framegate: there is no src/main.ts to build: left out');
  }
  if (others.length === 0 && framegate === undefined) throw new Error('there is no proxy to measure');
  return { framegate, others, h2load, nghttpd };
}

function peersOf(
  programs: Programs,
  profileFolder: string | undefined,
  workloadName: string,
): readonly Peer[] {
  const { framegate, others } = programs;
  if (framegate === undefined) return others;
  const started =
    profileFolder === undefined ? framegate : withCpuProfile(framegate, profileFolder, workloadName);
  return [framegatePeer(started), ...others];
}

function versionsOf(programs: Programs): Readonly<Record<string, string>> {
  const peers = peersOf(programs, undefined, '').map(({ name, version }) => [name, version]);
  return {
    ...Object.fromEntries(peers),
    nghttpd: versionOf(programs.nghttpd, '--version'),
    h2load: versionOf(programs.h2load, '--version'),
  };
}

async function measure(
  workloads: readonly Workload[],
  programs: Programs,
  options: Options,
): Promise<readonly Measurement[]> {
  const folder = makeTemporaryFolder();
  const certificate = await makeCertificate(folder);
  const measurements: Measurement[] = [];
  const callWorkloads = workloads.filter((workload) => workload.kind === 'calls');
  const upstreamFolder = join(folder, 'upstream');
  mkdirSync(upstreamFolder);
  const upstream = await startCallUpstream(programs.nghttpd, upstreamFolder, callWorkloads);
  for (const workload of callWorkloads) {
    measurements.push(
      ...(await measureCalls(workload, peersOf(programs, options.profileFolder, workload.name), {
        h2loadProgram: programs.h2load,
        upstreamFolder,
        surroundings: {
          folder: makeFolder(folder, workload.name),
          certificate,
          upstreamPort: upstream.port,
          streamsPerConnection: workload.streamsPerConnection,
        },
        rounds: options.rounds,
        runCpuMs: options.runCpuMs,
      })),
    );
  }
  await upstream.process.stop();
  measurements.push(...(await measureIdleWorkloads(workloads, programs, options, { folder, certificate })));
  return measurements;
}

async function measureIdleWorkloads(
  workloads: readonly Workload[],
  programs: Programs,
  options: Options,
  place: { readonly folder: string; readonly certificate: CertificateFiles },
): Promise<readonly Measurement[]> {
  const measurements: Measurement[] = [];
  for (const workload of workloads.filter(({ kind }) => kind === 'idle')) {
    if (workload.kind !== 'idle') continue;
    const peers = peersOf(programs, options.profileFolder, workload.name);
    measurements.push(
      ...(await measureIdle(workload, peers, {
        folder: makeFolder(place.folder, workload.name),
        certificate: place.certificate,
        rounds: options.rounds,
      })),
    );
  }
  return measurements;
}

function makeFolder(parent: string, name: string): string {
  const folder = join(parent, name);
  mkdirSync(folder);
  return folder;
}

function jsonOf(
  machine: MachineDescription,
  workloads: readonly Workload[],
  measurements: readonly Measurement[],
  limits: readonly LimitResult[],
): string {
  const report = {
    ...machine,
    workloads: workloads.map((workload) => ({
      ...workload,
      unit: unitOf(workload),
      measurements: measurements
        .filter(({ workloadName }) => workloadName === workload.name)
        .map(({ peerName, samples, problems }) => ({ peerName, median: median(samples), samples, problems })),
    })),
    limits,
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(sentenceOf(error));
  process.exitCode = 2;
}
// Running peers would otherwise keep the process alive after an error; the exit handler ends them.
process.exit();
