// `npm run interop [-- --full] [--again] [--only TEXT] [--write]`: real gRPC clients and services with Framegate between them,
// TLS in and cleartext HTTP/2 out, and the conformance suites of others. Prints every case and a table; exit code 1 when
// one failed, or when CI=true and one was skipped.
// With --again, for CI on machines that are shared, a case that failed runs once more at the end of its suite, and the output says so.
//
// Suites run side by side in lanes, each in a process of its own, since they wait for programs half of their time.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { generateCertificates } from '../../certs/generate.ts';
import { type LaneEnd, runLanes } from '../support/lanes.ts';
import { runConformanceSuite } from './conformance/conformance-suite.ts';
import { conformanceSuites } from './conformance/suites.ts';
import type { InteropCase } from './interop-case.ts';
import { type Interpreters, prepareDebianPython, preparePackageIndexPython } from './interpreters.ts';
import { prepareTools } from './ports/tools.ts';
import { printTable, resultsIn, type SuiteResult } from './result-table.ts';
import { writeResults } from './results-page.ts';
import { type Suite, suitesOf } from './suites.ts';
import { type Ends, type RunSetup, Workbench } from './workbench.ts';

const caseTimeoutMs = 90_000;
const fullPacedSeconds = 120;
const shortPacedSeconds = 15;

const { values: options } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    again: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
    lane: { type: 'string' },
    interpreters: { type: 'string' },
  },
});

/** Side by side. */
const LANES = ['grpcio', "grpc-js and Debian's grpcio", 'every port, and suites of others'] as const;
/** Alone and last: it takes all of the machine, and gives a server that it starts ten seconds. */
const LAST_LANE = 'connectconformance';
type Lane = (typeof LANES)[number] | typeof LAST_LANE;

function warn(text: string): void {
  console.log(`warning: ${text}`);
}

async function main(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-interop-'));
  // Every case starts a Framegate of its own; it starts sooner when what an earlier one compiled is kept.
  process.env.NODE_COMPILE_CACHE ??= join(folder, 'compiled');
  try {
    if (options.lane === undefined) return await runSideBySide();
    // The process that started this one prints the table.
    const results = await runLane(options.lane, interpretersFrom(options.interpreters ?? ''), folder);
    await new Promise((resolve) => process.send?.(results, resolve));
    return true;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runSideBySide(): Promise<boolean> {
  console.log('Preparing Python and other clients ...');
  const interpreters = {
    packageIndex: preparePackageIndexPython(warn),
    debian: prepareDebianPython(warn),
  };
  for (const [name, { version }] of prepareTools(interpreters, warn)) console.log(`  ${name} ${version}`);
  const passedOn = [
    '--only',
    options.only,
    ...(options.full ? ['--full'] : []),
    ...(options.again ? ['--again'] : []),
  ];
  const argsOf = (lane: Lane): readonly string[] => {
    return ['--lane', lane, '--interpreters', JSON.stringify(interpreters), ...passedOn];
  };
  const ends: LaneEnd[] = [];
  for (const lanes of [LANES, [LAST_LANE] as const]) {
    if (ends.some(({ isInterrupted }) => isInterrupted)) {
      console.log(`interrupted; left out: ${lanes.join(', ')}`);
      break;
    }
    const wanted = lanes.map((name) => ({ name, args: argsOf(name) }));
    ends.push(...(await runLanes(import.meta.filename, wanted)));
  }
  const results = ends.flatMap(({ messages }) => messages).flatMap(resultsIn);
  if (options.write && options.only === '') writeResults(results);
  const isOk = printTable(results);
  for (const { name } of ends.filter(({ hasSucceeded }) => !hasSucceeded)) console.log(`FAILED: ${name}`);
  return isOk && ends.every(({ hasSucceeded }) => hasSucceeded);
}

async function runLane(
  lane: string,
  interpreters: Interpreters,
  folder: string,
): Promise<readonly SuiteResult[]> {
  const run: RunSetup = {
    folder,
    certificates: await generateCertificates(join(folder, 'certs')),
    pacedSeconds: options.full ? fullPacedSeconds : shortPacedSeconds,
  };
  const results: SuiteResult[] = [];
  const suites = lane === LAST_LANE ? [] : suitesOf(interpreters, prepareTools(interpreters, warn));
  for (const suite of suites.filter(({ name }) => laneOfClients(name) === lane).map(onlyWanted)) {
    if (suite !== undefined) results.push(await runSuite(suite, run));
  }
  // Only the lanes with such suites build their programs.
  const others =
    lane === LANES[2] || lane === LAST_LANE ? conformanceSuites(interpreters.packageIndex, warn) : [];
  for (const suite of others) {
    if (laneOfOthers(suite.name) !== lane || !suite.name.includes(options.only)) continue;
    results.push(await runConformanceSuite(suite, { ...run, isFull: options.full }));
  }
  return results;
}

function laneOfClients(suite: string): Lane {
  if (/^(?:grpcio to grpcio|grpc\.aio)/.test(suite)) return LANES[0];
  return suite.startsWith('clients, ports') ? LANES[2] : LANES[1];
}

function laneOfOthers(suite: string): Lane {
  return suite.startsWith('connectconformance') ? LAST_LANE : LANES[2];
}

/** What --only leaves of a suite, or undefined when that is nothing. */
function onlyWanted(suite: Suite): Suite | undefined {
  if ('skipped' in suite) return suite.name.includes(options.only) ? suite : undefined;
  const cases = suite.cases.filter(({ name }) => `${suite.name}: ${name}`.includes(options.only));
  return cases.length === 0 ? undefined : { ...suite, cases };
}

async function runSuite(suite: Suite, run: RunSetup): Promise<SuiteResult> {
  console.log(`\n${suite.name}`);
  const result: SuiteResult = { suite: suite.name, passed: 0, failed: 0, skipped: [] };
  if ('skipped' in suite) {
    console.log(`  skipped: ${suite.skipped}`);
    return { ...result, skipped: [suite.skipped] };
  }
  const failed: InteropCase[] = [];
  for (const interopCase of suite.cases) {
    const reason = interopCase.cannotRun?.(suite.ends);
    if (reason !== undefined) {
      console.log(`  skipped  ${interopCase.name}: ${reason}`);
      result.skipped.push(`${interopCase.name}: ${reason}`);
      continue;
    }
    if (await runCase(interopCase, suite.ends, run)) result.passed++;
    else failed.push(interopCase);
  }
  for (const interopCase of failed) {
    if (options.again) console.log(`  again    ${interopCase.name}, which failed`);
    if (options.again && (await runCase(interopCase, suite.ends, run))) result.passed++;
    else result.failed++;
  }
  const problems = (await suite.close?.()) ?? [];
  if (problems.length > 0) result.failed++;
  for (const text of problems) console.log(`  FAILED   after all of them: ${text}`);
  return result;
}

async function runCase(interopCase: InteropCase, ends: Ends, run: RunSetup): Promise<boolean> {
  const bench = new Workbench(run, ends);
  const start = performance.now();
  const problems: string[] = [];
  try {
    await withTimeout(interopCase.run(bench), caseTimeoutMs + (interopCase.extraSeconds ?? 0) * 1000);
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  }
  problems.push(...(await bench.close()));
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const isOk = problems.length === 0;
  console.log(`  ${isOk ? 'ok     ' : 'FAILED '}  ${interopCase.name} (${seconds} s)`);
  for (const text of [...problems, ...bench.remarks]) console.log(text.replaceAll(/^/gm, '             '));
  if (!isOk) console.log(bench.lastWords().replaceAll(/^/gm, '             '));
  return isOk;
}

async function withTimeout(work: Promise<void>, timeoutMs: number): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not finished after ${timeoutMs} ms`)), timeoutMs);
  try {
    await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** As the process that prepared them wrote them. */
function interpretersFrom(text: string): Interpreters {
  const interpreters: Interpreters = JSON.parse(text);
  return interpreters;
}

process.exitCode = (await main()) ? 0 : 1;
