// `npm run test:browser [-- --only TEXT] [--part page|dashboard] [--pictures]`: a headless Chromium loads a page through Framegate, and the page calls, streams and
// connects through it. Then it opens the dashboard, and the test clicks through it; with --pictures it makes the pictures of the documentation
// as well. Prints every case; exit code 1 when one failed, or when CI=true and there was no browser.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type GeneratedCertificates, generateCertificates } from '../../certs/generate.ts';
import { Chromium, findChromium } from './chromium.ts';
import { runDashboardTests } from './dashboard-tests.ts';
import { bundlePage, installPackages } from './page-bundle.ts';
import { RunReport } from './run-report.ts';
import { Setting } from './setting.ts';

const runTimeoutMs = 10 * 60_000;
const firstReportTimeoutMs = 30_000;
const shownLines = 40;

interface Variant {
  readonly title: string;
  readonly protocol: 'h2' | 'http/1.1';
  readonly switches: readonly string[];
}

interface Parts {
  readonly executable: string;
  readonly folder: string;
  readonly bundleFile: string;
  readonly certificates: GeneratedCertificates;
}

/** A page is the same to its reader over either. */
const variants: readonly Variant[] = [
  { title: 'HTTP/2 over TLS', protocol: 'h2', switches: [] },
  { title: 'HTTP/1.1 over TLS', protocol: 'http/1.1', switches: ['--disable-http2'] },
];

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    /** `page` or `dashboard`, to leave the other out. */
    part: { type: 'string', default: '' },
    pictures: { type: 'boolean', default: false },
  },
});

/** The browser has a process group of its own: an interrupt at the terminal does not reach it. */
const interrupt = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort());

async function main(): Promise<boolean> {
  const chromium = findChromium();
  if ('missing' in chromium) {
    console.log(`skipped: every case, for want of a browser: ${chromium.missing}`);
    return process.env.CI !== 'true';
  }
  console.log(`Browser: ${chromium.version}`);
  installPackages();
  const isPageGood = options.part === 'dashboard' || (await runPage(chromium.executable));
  if (options.part === 'page' || interrupt.signal.aborted) return isPageGood;
  console.log('\nThe dashboard');
  const { only, pictures } = options;
  const { executable } = chromium;
  return (await runDashboardTests({ executable, only, pictures, signal: interrupt.signal })) && isPageGood;
}

async function runPage(executable: string): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-browser-'));
  try {
    const bundleFile = join(folder, 'bundle.js');
    bundlePage(bundleFile);
    const certificates = await generateCertificates(join(folder, 'certs'));
    const reports: RunReport[] = [];
    for (const variant of variants) {
      if (interrupt.signal.aborted) break;
      console.log(`\n${variant.title}`);
      reports.push(await runInBrowser(variant, { executable, folder, bundleFile, certificates }));
    }
    return summarise(reports);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function runInBrowser(variant: Variant, parts: Parts): Promise<RunReport> {
  const { executable, bundleFile, certificates } = parts;
  const folder = mkdtempSync(join(parts.folder, 'run-'));
  const report = new RunReport({ firstReportTimeoutMs, runTimeoutMs });
  const setting = await Setting.start({
    folder,
    bundleFile,
    certificates,
    only: options.only,
    protocol: variant.protocol,
    onReport: (name, body) => report.receive(name, body),
  });
  const chromium = new Chromium({
    executable,
    folder,
    certificates,
    url: `${setting.pageOrigin}/`,
    switches: variant.switches,
    onConsole: (text) => {
      console.log(`          console: ${text}`);
      if (text.startsWith('"Uncaught')) report.fail('the page failed, see its console above');
    },
  });
  interrupt.signal.addEventListener('abort', () => report.fail('interrupted'));
  try {
    await Promise.race([report.finished, failWhenEnded(chromium, setting)]);
  } catch (error) {
    report.addProblem(error instanceof Error ? error.message : String(error));
  } finally {
    await chromium.stop();
    for (const problem of await setting.stop()) report.addProblem(problem);
  }
  if (!report.close()) {
    console.log(setting.framegate.lastWords());
    console.log(['Chromium wrote:', ...chromium.errorLines.slice(-shownLines)].join('\n  '));
  }
  return report;
}

function summarise(reports: readonly RunReport[]): boolean {
  const sum = (count: (report: RunReport) => number) =>
    reports.reduce((total, report) => total + count(report), 0);
  console.log(`\n${sum(({ passed }) => passed)} passed, ${sum(({ failed }) => failed)} failed`);
  return reports.length === variants.length && reports.every(({ isOk }) => isOk);
}

async function failWhenEnded(chromium: Chromium, { framegate }: Setting): Promise<never> {
  const ended = await Promise.race([
    chromium.exit.then((code) => `Chromium ended (${code})`),
    framegate.exit.then((code) => `framegate ended (${code})`),
  ]);
  throw new Error(`${ended} before the page had reported everything`);
}

process.exitCode = (await main()) ? 0 : 1;
