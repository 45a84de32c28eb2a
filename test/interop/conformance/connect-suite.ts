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
/** One after the other, each with a Framegate of its own: two that start at once are twice as late. */
const parallelServers = 1;
/** A run with fewer cases has lost some on the way. */
const fewestCases = 5976;
const shownLines = 6;

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
  const { certFile, keyFile } = setup.certificates;
  const adapter = [process.execPath, join(folder, 'connect-adapter.ts'), server, certFile, keyFile];
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
  for (const [detail, names] of alike(problems)) {
    const [first] = names;
    const title = names.length === 1 ? first : `${names.length} cases, the first of them ${first}`;
    report.failed(title, detail, names.length);
  }
  const missing = fewestCases - passed - known - problems.length;
  if (missing > 0) report.failed(`${missing} cases were not run`, lastLines(ended, 6), missing);
  if (ended.ended !== 0 && problems.length === 0 && missing <= 0) {
    throw new Error(`connectconformance: ${lastLines(ended)}`);
  }
}

/** The names of the cases that failed with the same words. When a server did not start, those are all of its cases. */
function alike(problems: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  for (const problem of problems) {
    const [title, ...lines] = problem.split('\n');
    const detail = lines.slice(0, shownLines).join('\n');
    const name = title.replace(/^FAILED: /, '').replace(/:$/, '');
    const known = names.get(detail);
    if (known === undefined) names.set(detail, [name]);
    else known.push(name);
  }
  return names;
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
