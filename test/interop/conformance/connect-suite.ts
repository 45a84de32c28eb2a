// connectconformance with Framegate in front of its reference server: its reference client makes every kind of call of gRPC and
// gRPC-Web, and judges the answers. What is known to fail stands in connect-known-failing.txt, with the reason.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CaseReport, ConformanceSetup, ConformanceSuite } from './conformance-suite.ts';
import type { GoTool } from './go-tools.ts';
import { lastLines, type ProgramResult, runProgram } from './program.ts';

const folder = import.meta.dirname;
const knownFailingFile = join(folder, 'connect-known-failing.txt');
const timeoutMs = 240_000;
/** Server configurations run beside each other, each with a Framegate of its own. */
const parallelServers = 2;
/** A run with fewer cases has lost some on the way. */
const fewestCases = 5976;
const shownProblems = 25;

export function connectSuite(runner: GoTool, server: GoTool): ConformanceSuite {
  const title = 'gRPC and gRPC-Web, TLS and plaintext';
  if ('missing' in runner) return { name: `connectconformance ${title}`, skipped: runner.missing };
  if ('missing' in server) return { name: `connectconformance ${title}`, skipped: server.missing };
  return {
    name: `connectconformance ${runner.version} ${title}`,
    prints: 'failures',
    run: (setup, report) => runConnect(runner.executable, server.executable, setup, report),
  };
}

async function runConnect(
  runner: string,
  server: string,
  setup: ConformanceSetup,
  report: CaseReport,
): Promise<void> {
  const options = [
    ['--mode', 'server'],
    ['--conf', join(folder, 'connect-config.yaml')],
    ['--known-failing', `@${knownFailingFile}`],
    ['--max-servers', String(parallelServers)],
  ];
  const adapter = [process.execPath, join(folder, 'connect-adapter.ts'), server];
  const ended = await runProgram(runner, {
    args: [...options.flat(), '--', ...adapter],
    cwd: setup.folder,
    timeoutMs,
  });
  readOutput(ended, report);
}

function readOutput(ended: ProgramResult, report: CaseReport): void {
  const output = `${ended.stdout}\n${ended.stderr}`;
  const total = count(output, /^Total cases: (\d+)/m);
  const passed = count(output, /^(\d+) passed/m);
  if (total === undefined || passed === undefined) {
    throw new Error(`connectconformance did not come to an end: ${lastLines(ended)}`);
  }
  const known = count(output, /(\d+) failed as expected/) ?? 0;
  report.passedMany(passed);
  if (known > 0) report.differed(`${known} cases`, knownReasons(), 'see connect-known-failing.txt', known);
  const problems = output.split(/^(?=FAILED: )/m).slice(1);
  for (const [index, problem] of problems.entries()) {
    const [name, ...detail] = problem.split('\n');
    const shown = index < shownProblems ? detail.slice(0, 6).join('\n') : 'as above';
    report.failed(name.replace(/^FAILED: /, '').replace(/:$/, ''), shown);
  }
  const missing = fewestCases - passed - known - problems.length;
  if (missing > 0) report.failed(`${missing} cases were not run`, lastLines(ended, 6), missing);
  if (ended.ended !== 0 && problems.length === 0 && missing <= 0) {
    throw new Error(`connectconformance: ${lastLines(ended)}`);
  }
}

function count(output: string, pattern: RegExp): number | undefined {
  const found = pattern.exec(output);
  return found === null ? undefined : Number(found[1]);
}

/** The comments of the list. */
function knownReasons(): string {
  const lines = readFileSync(knownFailingFile, 'utf8').split('\n');
  return lines
    .filter((line) => line.startsWith('# '))
    .map((line) => line.slice(2))
    .join('\n');
}
