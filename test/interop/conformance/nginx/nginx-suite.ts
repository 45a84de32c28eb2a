// `framegate import` beside the nginx of this machine: nginx accepts the golden configurations, and a site answers a list of calls alike
// before and after it moved. What is answered differently is named, with both answers.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { eventually } from '../../../support/eventually.ts';
import { freePorts } from '../../../support/free-port.ts';
import { ReportingChild } from '../../child-process.ts';
import { installDebianPackages } from '../../interpreters.ts';
import { startServices } from '../../ports/services.ts';
import type { CaseReport, ConformanceSetup, ConformanceSuite } from '../conformance-suite.ts';
import { type Site, type SitePorts, siteCalls } from './site-calls.ts';

const golden = join(import.meta.dirname, '../../../golden/nginx');
const entry = join(import.meta.dirname, '../../../../src/main.ts');
const stopTimeoutMs = 15_000;

export function nginxSuite(warn: (text: string) => void): ConformanceSuite {
  if (nginxVersion() === undefined) installDebianPackages(['nginx-light'], warn);
  const version = nginxVersion();
  const name = 'sites moved from nginx';
  if (version === undefined) return { name, skipped: 'needs nginx (apt-get install nginx)' };
  return { name: `${name} ${version}`, prints: 'all', run: runNginxSuite };
}

function nginxVersion(): string | undefined {
  const asked = spawnSync('nginx', ['-v'], { encoding: 'utf8' });
  return /nginx\/([\d.]+)/.exec(asked.stderr ?? '')?.[1];
}

async function runNginxSuite(setup: ConformanceSetup, report: CaseReport): Promise<void> {
  await acceptGoldens(setup, report);
  await moveSite(setup, report);
}

async function acceptGoldens({ folder, certificates }: ConformanceSetup, report: CaseReport): Promise<void> {
  // nginx -t opens its files below /var/lib and binds the addresses.
  if (process.getuid?.() !== 0) return report.skipped('nginx -t of the golden configurations', 'needs root');
  const prefix = mkdtempSync(join(folder, 'nginx-golden-'));
  cpSync(golden, prefix, { recursive: true });
  for (const name of ['tls', 'logs', 'html']) mkdirSync(join(prefix, name), { recursive: true });
  for (const name of ['fullchain.pem', 'ca.pem', 'tenants.pem'])
    cpSync(certificates.certFile, join(prefix, 'tls', name));
  for (const name of ['privkey.pem', 'tenants.key']) cpSync(certificates.keyFile, join(prefix, 'tls', name));
  for (const name of readdirSync(golden).filter((file) => file.endsWith('.conf'))) {
    await report.run(`nginx -t accepts ${name}`, () => {
      const { status, stderr } = testConfiguration(prefix, join(prefix, name));
      assert.equal(status, 0, stderr);
      return Promise.resolve();
    });
  }
}

function testConfiguration(
  prefix: string,
  file: string,
): { readonly status: number | null; readonly stderr: string } {
  const argv = ['-t', '-p', prefix, '-e', 'stderr', '-c', file, '-g', `pid ${join(prefix, 'nginx.pid')};`];
  return spawnSync('nginx', argv, { encoding: 'utf8' });
}

async function moveSite(setup: ConformanceSetup, report: CaseReport): Promise<void> {
  const folder = mkdtempSync(join(setup.folder, 'nginx-site-'));
  const services = await startServices(setup.certificates);
  try {
    const first = await freePorts(4);
    const ports: SitePorts = {
      tls: first,
      plaintext: first + 1,
      plaintextGrpc: first + 2,
      redirect: first + 3,
    };
    const site: Site = { ports, caFile: setup.certificates.caFile };
    const file = join(folder, 'nginx.conf');
    writeFileSync(file, configuration(folder, { ...services.ports, ...ports, ...setup.certificates }));
    const before = await askNginx(folder, file, site);
    await report.run('framegate import writes a configuration', () => importSite(file));
    const after = await askFramegate(folder, site);
    for (const { name, differs } of siteCalls)
      compare(report, name, before.get(name), after.get(name), differs);
  } finally {
    await services.stop();
  }
}

function configuration(folder: string, values: Readonly<Record<string, unknown>>): string {
  const template = readFileSync(join(import.meta.dirname, 'site.conf'), 'utf8');
  const all: Readonly<Record<string, unknown>> = { ...values, folder };
  const filled = template.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
    if (!(name in all)) throw new Error(`site.conf wants ${name}`);
    return String(all[name]);
  });
  return process.getuid?.() === 0 ? `user root;\n${filled}` : filled;
}

async function askNginx(folder: string, file: string, site: Site): Promise<ReadonlyMap<string, string>> {
  const nginx = spawn('nginx', ['-p', folder, '-e', join(folder, 'error.log'), '-c', file], {
    stdio: 'ignore',
  });
  const ended = once(nginx, 'exit');
  try {
    await eventually('nginx listens', async () => {
      if (nginx.exitCode !== null) throw new Error(readFileSync(join(folder, 'error.log'), 'utf8'));
      return isOpen(site.ports.tls);
    });
    return await ask(site);
  } finally {
    if (nginx.exitCode === null) nginx.kill('SIGTERM');
    await ended;
  }
}

/** Nothing of the site is lost that decides who may call, and no call goes elsewhere. */
function importSite(file: string): Promise<string> {
  const output = join(file, '../config.yaml');
  const made = spawnSync(process.execPath, [entry, 'import', file, '-o', output], { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr + made.stdout);
  const summary = made.stdout.match(/^(Not supported|Changed, and why|Carried over) \(\d+\)/gm);
  // The usual port of the admin server may be somebody else's on this machine.
  writeFileSync(output, `${readFileSync(output, 'utf8')}\nadmin: off\n`);
  return Promise.resolve(summary?.join(', ') ?? '');
}

async function askFramegate(folder: string, site: Site): Promise<ReadonlyMap<string, string>> {
  const child = new ReportingChild({
    name: 'framegate',
    command: process.execPath,
    args: [entry, 'serve', '-c', join(folder, 'config.yaml')],
  });
  try {
    await child.report('that it serves', ({ msg }) => msg === 'framegate serves');
    return await ask(site);
  } finally {
    child.signal('SIGTERM');
    if ((await child.exitWithin(stopTimeoutMs)) === undefined) child.signal('SIGKILL');
  }
}

async function ask(site: Site): Promise<ReadonlyMap<string, string>> {
  const answers = new Map<string, string>();
  for (const { name, run } of siteCalls) {
    const answer = await run(site).catch(
      (error: unknown) => `failed: ${error instanceof Error ? error.message : String(error)}`,
    );
    answers.set(name, answer);
  }
  return answers;
}

function isOpen(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, '127.0.0.1');
  socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}

function compare(
  report: CaseReport,
  name: string,
  nginx: string | undefined,
  framegate: string | undefined,
  differs: { readonly nginx: string; readonly framegate: string } | undefined,
): void {
  const answers = `nginx: ${nginx}\nFramegate: ${framegate}`;
  if (differs === undefined) {
    if (nginx === framegate && nginx?.startsWith('failed') === false) report.passed(name);
    else report.failed(name, answers);
  } else if (nginx === differs.nginx && framegate === differs.framegate) {
    report.differed(name, answers, 'see docs/from-nginx.md');
  } else report.failed(name, `${answers}\nexpected: ${differs.nginx}, and ${differs.framegate}`);
}
