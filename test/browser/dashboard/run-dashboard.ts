// Started by `npm run test:browser`: builds the dashboard, and clicks through it in Chromium. Prints every case; exit code 1 when one failed.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { inspect, parseArgs } from 'node:util';
import { type Browser, chromium } from 'playwright-core';
import { type GeneratedCertificates, generateCertificates } from '../../../certs/generate.ts';
import { blameCases } from './blame-cases.ts';
import type { DashboardCase } from './dashboard-case.ts';
import { largeProxyCases } from './large-proxy-cases.ts';
import { liveProxyCases } from './live-proxy-cases.ts';
import { tokenAndDrainCases } from './token-and-drain-cases.ts';

const root = join(import.meta.dirname, '../../..');

const { values: options } = parseArgs({
  options: {
    executable: { type: 'string', default: 'chromium' },
    only: { type: 'string', default: '' },
    pictures: { type: 'boolean', default: false },
  },
});

async function main(): Promise<boolean> {
  const built = spawnSync(process.execPath, [join(root, 'scripts/build-page.ts')], { stdio: 'inherit' });
  if (built.status !== 0) return false;
  const folder = mkdtempSync(join(tmpdir(), 'framegate-dashboard-'));
  const switches = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const browser = await chromium.launch({ executablePath: pathOf(options.executable), args: switches });
  try {
    const certificates = await generateCertificates(join(folder, 'certs'));
    const cases = [...liveProxyCases, ...blameCases, ...tokenAndDrainCases, ...largeProxyCases].filter(
      ({ name }) => name.includes(options.only),
    );
    let passed = 0;
    for (const one of cases) if (await runCase(one, { browser, certificates, folder })) passed++;
    console.log(`\n${passed} passed, ${cases.length - passed} failed`);
    return passed === cases.length;
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Playwright takes no name that is to be looked up. */
function pathOf(executable: string): string {
  if (executable.includes('/')) return executable;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((path) => join(path, executable)).find((file) => existsSync(file)) ?? executable;
}

interface Shared {
  readonly browser: Browser;
  readonly certificates: GeneratedCertificates;
  readonly folder: string;
}

async function runCase(
  { name, run }: DashboardCase,
  { browser, certificates, folder }: Shared,
): Promise<boolean> {
  const ends: (() => Promise<void> | void)[] = [];
  const beganMs = performance.now();
  let problem: unknown;
  const context = {
    browser,
    certificates,
    folder: mkdtempSync(join(folder, 'case-')),
    pictures: options.pictures ? join(root, 'docs/pictures') : undefined,
    after: (end: () => Promise<void> | void) => ends.unshift(end),
  };
  try {
    await run(context);
  } catch (error) {
    problem = error;
  }
  for (const end of ends) {
    try {
      await end();
    } catch (error) {
      problem ??= error;
    }
  }
  const tookMs = Math.round(performance.now() - beganMs);
  console.log(`${problem === undefined ? 'ok     ' : 'FAILED '}   ${name} (${tookMs} ms)`);
  if (problem !== undefined) {
    console.log(inspect(problem).replaceAll(/^/gm, '          '));
  }
  return problem === undefined;
}

process.exitCode = (await main()) ? 0 : 1;
