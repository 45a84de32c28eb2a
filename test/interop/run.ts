// `npm run interop [-- --full] [--only TEXT] [--write]`: real gRPC clients and services with Framegate between them,
// TLS in and cleartext HTTP/2 out, and the conformance suites of others. Prints every case and a table; exit code 1 when
// one failed, or when CI=true and one was skipped.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { generateCertificates } from '../../certs/generate.ts';
import { runConformanceSuite } from './conformance/conformance-suite.ts';
import { conformanceSuites } from './conformance/suites.ts';
import type { InteropCase } from './interop-case.ts';
import { prepareDebianPython, preparePackageIndexPython } from './interpreters.ts';
import { prepareTools } from './ports/tools.ts';
import { printTable, type SuiteResult } from './result-table.ts';
import { writeResults } from './results-page.ts';
import { type Suite, suitesOf } from './suites.ts';
import { type Ends, type RunSetup, Workbench } from './workbench.ts';

const caseTimeoutMs = 90_000;
const fullPacedSeconds = 120;
const shortPacedSeconds = 15;

const { values: options } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
});

function warn(text: string): void {
  console.log(`warning: ${text}`);
}

async function main(): Promise<boolean> {
  console.log('Preparing Python and other clients ...');
  const interpreters = {
    packageIndex: preparePackageIndexPython(warn),
    debian: prepareDebianPython(warn),
  };
  const tools = prepareTools(interpreters, warn);
  for (const [name, { version }] of tools) console.log(`  ${name} ${version}`);
  const suites = suitesOf(interpreters, tools);
  const conformance = conformanceSuites(interpreters.packageIndex, warn);
  const folder = mkdtempSync(join(tmpdir(), 'framegate-interop-'));
  // Every case starts a Framegate of its own; it starts sooner when what an earlier one compiled is kept.
  process.env.NODE_COMPILE_CACHE ??= join(folder, 'compiled');
  try {
    const run: RunSetup = {
      folder,
      certificates: await generateCertificates(join(folder, 'certs')),
      pacedSeconds: options.full ? fullPacedSeconds : shortPacedSeconds,
    };
    const results: SuiteResult[] = [];
    for (const suite of suites.map(onlyWanted)) {
      if (suite !== undefined) results.push(await runSuite(suite, run));
    }
    for (const suite of conformance) {
      if (!suite.name.includes(options.only)) continue;
      results.push(await runConformanceSuite(suite, { ...run, isFull: options.full }));
    }
    if (options.write && options.only === '') writeResults(results);
    return printTable(results);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
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
  for (const interopCase of suite.cases) {
    const reason = interopCase.cannotRun?.(suite.ends);
    if (reason !== undefined) {
      console.log(`  skipped  ${interopCase.name}: ${reason}`);
      result.skipped.push(`${interopCase.name}: ${reason}`);
      continue;
    }
    if (await runCase(interopCase, suite.ends, run)) result.passed++;
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

process.exitCode = (await main()) ? 0 : 1;
