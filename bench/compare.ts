// npm run bench: compares Framegate with other proxies on this machine. README.md in this folder says what is measured and how to
// read the results.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startCallUpstream } from './compare/call-upstream.ts';
import { makeCertificate } from './compare/certificate.ts';
import { cleanUpAtExit, makeTemporaryFolder } from './compare/clean-up.ts';
import { type Contestant, holdContest } from './compare/contest.ts';
import { startEchoService, startHttp1Service } from './compare/load-process.ts';
import { describeMachine, machineLines } from './compare/machine.ts';
import { bridgeContestants } from './compare/measure-bridge.ts';
import { callContestants } from './compare/measure-calls.ts';
import { idleContestants } from './compare/measure-idle.ts';
import {
  connectionsContestants,
  latencyContestants,
  metadataContestants,
  tracingContestants,
  validationContestants,
  voiceContestants,
} from './compare/measure-jobs.ts';
import { type Measurement, sentenceOf } from './compare/measurement.ts';
import { heldRowNames, type Options, parseOptions } from './compare/options.ts';
import { findPrograms, type Programs } from './compare/participants.ts';
import { progress } from './compare/progress.ts';
import {
  compareWithRecorded,
  comparisonLines,
  missedRows,
  readRecorded,
  withNewer,
  writeRecorded,
} from './compare/recorded.ts';
import { jsonOf, type Report, writeReport } from './compare/report.ts';
import { type Measuring, makeFolder, type Services } from './compare/surroundings.ts';
import { tableLines } from './compare/table.ts';
import { checkTargets, targetLines } from './compare/targets.ts';
import { rowsOf, type Workload } from './compare/workloads.ts';

const DOCUMENTATION = join(import.meta.dirname, '../docs/benchmarks');
/** How often `--check` measures a row that is much worse: noise does not make it worse every time, but slower code does. */
const MOST_LOOKS = 3;

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (typeof options === 'string') {
    console.log(options);
    return 0;
  }
  cleanUpAtExit();
  const programs = findPrograms(options);
  for (const sentence of programs.missing) progress(sentence);
  const machine = describeMachine(programs.versions);
  console.log(`${machineLines(machine).join('\n')}\n`);

  const measurements = await (options.check ? measureForCheck : measure)(programs, options);
  const rows = rowsOf(options.workloads);
  const { peerNames, missing } = programs;
  const targets = checkTargets(rows, peerNames, measurements);
  const report = { machine, rows, peerNames, measurements, targets, missing };
  console.log(tableLines(rows, peerNames, measurements).join('\n'));
  if (targets.length > 0) console.log(`\n${targetLines(targets).join('\n')}`);
  return finish(options, report);
}

/** Writes the requested files. @returns the exit code, 1 if a requested check failed */
function finish(options: Options, report: Report): number {
  const { machine, measurements, targets } = report;
  if (options.jsonFile !== undefined) writeFileSync(options.jsonFile, jsonOf(report));
  if (options.write) writeReport(DOCUMENTATION, report);
  if (options.record) {
    // The recorded command must not contain paths of this machine.
    const how = `npm run bench -- ${options.commandLine.replaceAll(/ ?--\S+ \S*\/\S*/g, '')}`;
    writeRecorded(machine, how, heldRowNames(options.workloads), measurements);
  }
  if (options.check) {
    const comparisons = compareWithRecorded(readRecorded(), measurements);
    console.log(`\n${comparisonLines(comparisons).join('\n')}`);
    if (comparisons.some(({ isHeld }) => !isHeld)) return 1;
  }
  return options.assert && targets.some(({ isKept }) => !isKept) ? 1 : 0;
}

async function measureForCheck(programs: Programs, options: Options): Promise<readonly Measurement[]> {
  const recorded = readRecorded();
  let measurements = await measure(programs, options);
  for (let look = 1; look < MOST_LOOKS; look++) {
    const missed = missedRows(recorded, measurements);
    const workloads = options.workloads.filter(({ name }) => missed.has(name));
    if (workloads.length === 0) break;
    progress(`much worse than recorded, and measured again: ${[...missed].join(', ')}`);
    measurements = withNewer(measurements, await measure(programs, { ...options, workloads }));
  }
  return measurements;
}

async function measure(programs: Programs, options: Options): Promise<readonly Measurement[]> {
  const folder = makeTemporaryFolder();
  const services = await startServices(programs, options.workloads, folder);
  const measuring: Measuring = {
    ...options.durations,
    folder,
    certificate: await makeCertificate(folder),
    services,
    h2loadProgram: programs.h2load,
    peersFor: programs.peersFor,
  };
  const measurements: Measurement[] = [];
  for (const workload of options.workloads) {
    const { rounds, idleRounds } = options.durations;
    const contestants = contestantsOf(workload, measuring);
    measurements.push(
      ...(await holdContest(
        workload.name,
        contestants,
        workload.kind === 'idle' ? Math.min(rounds, idleRounds) : rounds,
      )),
    );
  }
  const started = [services.nghttpd, ...services.more, services.echo, services.http1];
  for (const service of started) await service.process.stop();
  return measurements;
}

async function startServices(
  programs: Programs,
  workloads: readonly Workload[],
  folder: string,
): Promise<Services> {
  const messageFolder = makeFolder(folder, 'upstream');
  const callWorkloads = workloads
    .map((workload) => (workload.kind === 'validation' ? workload.byH2load : workload))
    .filter((workload) => workload.kind === 'calls');
  return {
    nghttpd: await startCallUpstream(programs.nghttpd, messageFolder, callWorkloads),
    messageFolder,
    more: workloads.some((workload) => workload.kind === 'calls' && workload.hasThreeEndpoints)
      ? [
          await startCallUpstream(programs.nghttpd, makeFolder(folder, 'upstream-2'), callWorkloads),
          await startCallUpstream(programs.nghttpd, makeFolder(folder, 'upstream-3'), callWorkloads),
        ]
      : [],
    echo: await startEchoService(makeFolder(folder, 'echo')),
    http1: await startHttp1Service(makeFolder(folder, 'http1')),
  };
}

const CONTESTS: {
  readonly [Kind in Workload['kind']]: (
    workload: Extract<Workload, { readonly kind: Kind }>,
    measuring: Measuring,
  ) => readonly Contestant[];
} = {
  calls: callContestants,
  voice: voiceContestants,
  latency: latencyContestants,
  connections: connectionsContestants,
  metadata: metadataContestants,
  tracing: tracingContestants,
  idle: idleContestants,
  bridge: bridgeContestants,
  validation: validationContestants,
};

function contestantsOf<Kind extends Workload['kind']>(
  workload: Extract<Workload, { readonly kind: Kind }>,
  measuring: Measuring,
): readonly Contestant[] {
  const kind: Kind = workload.kind;
  return CONTESTS[kind](workload, measuring);
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(sentenceOf(error));
  process.exitCode = 2;
}
// After an error, running peers would keep the process alive; the exit handler ends them.
process.exit();
