// The TLS of a listener as strangers see it: sslscan looks for what should not be there, `openssl ocsp` is the responder
// whose answers are stapled, openssl s_client and curl are the clients that check them.

import { spawnSync } from 'node:child_process';
import { installDebianPackages } from '../../interpreters.ts';
import type { CaseReport, ConformanceSetup, ConformanceSuite } from '../conformance-suite.ts';
import { clientCases } from './client-cases.ts';
import { scanCases } from './scan-cases.ts';
import { TlsBench } from './tls-bench.ts';

const PROGRAMS = { sslscan: '--version', openssl: 'version', curl: '--version' } as const;
type Program = keyof typeof PROGRAMS;
const programs: readonly Program[] = ['sslscan', 'openssl', 'curl'];

export function tlsSuite(warn: (text: string) => void): ConformanceSuite {
  const name = 'TLS, by sslscan and openssl';
  const missing = programs.filter((program) => versionOf(program) === undefined);
  if (missing.length > 0) installDebianPackages(missing, warn);
  const wanting = programs.filter((program) => versionOf(program) === undefined);
  if (wanting.length > 0) {
    return { name, skipped: `needs ${wanting.join(' and ')} (apt-get install ${wanting.join(' ')})` };
  }
  const title = `TLS, by sslscan ${versionOf('sslscan')} and openssl ${versionOf('openssl')}`;
  return { name: title, prints: 'all', run: runTlsSuite };
}

async function runTlsSuite(setup: ConformanceSetup, report: CaseReport): Promise<void> {
  const bench = await TlsBench.start(setup.folder);
  try {
    await scanCases(bench, report);
    await clientCases(bench, report);
  } finally {
    const problems = await bench.stop();
    if (problems.length > 0) report.failed('Framegate after all of them', problems.join('\n'));
  }
}

/** sslscan prints its version in colours. */
function versionOf(program: Program): string | undefined {
  const asked = spawnSync(program, [PROGRAMS[program]], { encoding: 'utf8' });
  return asked.error === undefined ? /\d+(\.\d+)+[a-z]?/.exec(asked.stdout)?.[0] : undefined;
}
