// h2specd, h2spec's client mode, against Framegate's upstream side. It listens on one port for each case, runs a client once for
// each, and judges what the HTTP/2 connection that came to it did. The client is a GET through Framegate.

import { delimiter, dirname, join, relative } from 'node:path';
import { freePorts } from '../../../support/free-port.ts';
import type { CaseReport, ConformanceSetup, ConformanceSuite } from '../conformance-suite.ts';
import { startBetween } from '../framegate-between.ts';
import type { GoTool } from '../go-tools.ts';
import { lastLines, runProgram } from '../program.ts';
import { readClientOutput } from './client-output.ts';
import { clientExpectations, judgeAll } from './expectations.ts';

const caseCount = 57;
const timeoutMs = 240_000;
const project = join(import.meta.dirname, '../../../..');
const client = join(import.meta.dirname, 'client.ts');

export function h2specdSuite(tool: GoTool): ConformanceSuite {
  const title = 'client mode, upstream side';
  if ('missing' in tool) return { name: `h2specd ${title}`, skipped: tool.missing };
  return {
    name: `h2specd ${tool.version} ${title}`,
    prints: 'failures',
    run: (setup, report) => runH2specd(tool.executable, setup, report),
  };
}

async function runH2specd(executable: string, setup: ConformanceSetup, report: CaseReport): Promise<void> {
  const first = await freePorts(caseCount);
  const ports = Array.from({ length: caseCount }, (_, index) => first + index);
  const routes = ports.map((port) => ({
    match: `{ path: /${port} }`,
    upstreamAddress: `127.0.0.1:${port}`,
  }));
  const between = await startBetween(setup, { routes });
  try {
    // h2specd splits the command at blanks, so it gets neither the path of node nor that of the project.
    const command = `node ${relative(project, client)} ${between.plaintextPort}`;
    const path = [dirname(process.execPath), process.env.PATH ?? ''].join(delimiter);
    const ended = await runProgram(executable, {
      args: ['--strict', '--host', '127.0.0.1', '--from-port', String(first), '--exec', command],
      cwd: project,
      env: { ...process.env, PATH: path },
      timeoutMs,
    });
    const cases = readClientOutput(ended.stdout);
    judgeAll(cases, clientExpectations, report);
    if (cases.length !== caseCount) {
      throw new Error(`h2specd finished ${cases.length} of ${caseCount} cases: ${lastLines(ended)}`);
    }
  } finally {
    const problems = await between.stop();
    if (problems.length > 0) report.failed('Framegate after all of them', problems.join('\n'));
  }
}
