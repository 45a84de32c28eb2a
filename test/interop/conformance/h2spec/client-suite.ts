// h2specd, h2spec's client mode, against Framegate's upstream side. It listens on one port for each case, runs a client once for
// each, and judges what the HTTP/2 connection that came to it did. The client is a GET through Framegate.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { delimiter, dirname, join, relative } from 'node:path';
import type { CaseReport, ConformanceSetup, ConformanceSuite } from '../conformance-suite.ts';
import { startBetween } from '../framegate-between.ts';
import type { GoTool } from '../go-tools.ts';
import { lastLines, runProgram } from '../program.ts';
import { readClientOutput } from './client-output.ts';
import { clientExpectations, judgeAll } from './expectations.ts';

const caseCount = 57;
const timeoutMs = 240_000;
/** Below the ports that systems give out by themselves. */
const firstPort = 20_000;
const lastPort = 30_000;
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
  const first = await freePortRange(caseCount);
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

/** The first of `count` consecutive ports of the loopback that were free just now. */
async function freePortRange(count: number): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const first = firstPort + Math.floor(Math.random() * (lastPort - firstPort - count));
    const servers = Array.from({ length: count }, (_, index) =>
      createServer().listen(first + index, '127.0.0.1'),
    );
    const opened = await Promise.allSettled(servers.map((server) => once(server, 'listening')));
    const open = servers.filter((_, index) => opened[index].status === 'fulfilled');
    await Promise.all(
      open.map((server) => {
        server.close();
        return once(server, 'close');
      }),
    );
    if (open.length === count) return first;
  }
  throw new Error(`no ${count} free ports in a row were found`);
}
