// h2spec, strict, against a listener of Framegate: everything a client may do wrong, and what has to come back.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CaseReport, ConformanceSetup, ConformanceSuite } from '../conformance-suite.ts';
import { allTo, startBetween } from '../framegate-between.ts';
import type { GoTool } from '../go-tools.ts';
import { lastLines, runProgram } from '../program.ts';
import { judgeAll, serverExpectations } from './expectations.ts';
import { readJunitReport } from './junit-report.ts';
import { startPlainUpstream } from './upstream.ts';

/** Of this version, with those that only strict mode runs; fewer in a report means that not all of them ran. */
const caseCount = 146;
/** For an answer to one case; more than h2spec's two, for machines that do other things as well. */
const answerSeconds = 4;
const timeoutMs = 120_000;

export function h2specSuite(tool: GoTool, listener: 'tls' | 'plaintext'): ConformanceSuite {
  const title = `strict, ${listener} listener`;
  if ('missing' in tool) return { name: `h2spec ${title}`, skipped: tool.missing };
  return {
    name: `h2spec ${tool.version} ${title}`,
    prints: 'failures',
    run: (setup, report) => runH2spec(tool.executable, listener, setup, report),
  };
}

async function runH2spec(
  executable: string,
  listener: 'tls' | 'plaintext',
  setup: ConformanceSetup,
  report: CaseReport,
): Promise<void> {
  const upstream = await startPlainUpstream();
  try {
    const between = await startBetween(setup, { routes: allTo(upstream.port) });
    try {
      const file = join(setup.folder, `h2spec-${listener}.xml`);
      const port = listener === 'tls' ? between.tlsPort : between.plaintextPort;
      const target = ['--host', '127.0.0.1', '--port', String(port)];
      if (listener === 'tls') target.push('--tls', '--insecure');
      const timing = ['--timeout', String(answerSeconds)];
      const args = ['--strict', ...timing, ...target, '--junit-report', file];
      const ended = await runProgram(executable, { args, timeoutMs });
      if (ended.isTimedOut) throw new Error(`h2spec: ${lastLines(ended)}`);
      const cases = readJunitReport(readFileSync(file, 'utf8'));
      if (cases.length !== caseCount) throw new Error(`h2spec ran ${cases.length} of ${caseCount} cases`);
      judgeAll(cases, serverExpectations, report);
    } finally {
      const problems = await between.stop();
      if (problems.length > 0) report.failed('Framegate after all of them', problems.join('\n'));
    }
  } finally {
    upstream.close();
  }
}
