// A headless Chromium with a fresh home: found or installed, made to trust one authority, and started on one page. It is
// driven by the page alone, which reports by itself; what the browser says on its error output is kept.

import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ChromiumOptions {
  readonly executable: string;
  /** Empty, for this run only: home, profile and trust store. */
  readonly folder: string;
  readonly certificates: { readonly caFile: string; readonly certFile: string };
  readonly url: string;
  readonly switches: readonly string[];
  /** Told what pages write to the console, line by line. */
  readonly onConsole: (text: string) => void;
}

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const debianPackages = ['chromium', 'libnss3-tools'];
const installTimeoutMs = 10 * 60_000;
const stopTimeoutMs = 5000;
/** Complaints of a machine without a desktop. */
const desktopOnly = /:(?:ERROR|WARNING):(?:dbus|device\/bluetooth|media\/gpu|ui\/base\/idle)\//;

/** Path and version, or why there is none. Where it may, it installs Debian's. */
export function findChromium(): { executable: string; version: string } | { missing: string } {
  const wanted = process.env.CHROMIUM;
  if (wanted !== undefined && wanted !== '') {
    const version = versionOf(wanted);
    return version === undefined
      ? { missing: `CHROMIUM=${wanted} does not run` }
      : { executable: wanted, version };
  }
  const found = firstOf(names);
  if (found !== undefined) return found;
  const problem = installChromium();
  return firstOf(names) ?? { missing: `no ${names.join(', ')}; ${problem}` };
}

function firstOf(candidates: readonly string[]): { executable: string; version: string } | undefined {
  for (const executable of candidates) {
    const version = versionOf(executable);
    if (version !== undefined) return { executable, version };
  }
  return undefined;
}

function versionOf(executable: string): string | undefined {
  const asked = run(executable, ['--version']);
  return asked.status === 0 ? asked.stdout.trim().replace(/ built on.*/, '') : undefined;
}

function installChromium(): string {
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  const apt = (...args: string[]) => {
    const [command, ...rest] = [...asRoot, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args];
    return run(command, rest);
  };
  console.log(`Installing ${debianPackages.join(' and ')} by apt-get ...`);
  const install = () => apt('install', '-y', '-qq', '--no-install-recommends', ...debianPackages);
  if (install().status === 0) return '';
  apt('update', '-qq');
  const installed = install();
  if (installed.status === 0) return '';
  const said = [...installed.stderr.trim().split('\n'), installed.error?.message ?? ''].findLast(Boolean);
  return `apt-get could not install it: ${said ?? 'it said nothing'}`;
}

export class Chromium {
  /** The exit code or the signal; never rejects. */
  readonly exit: Promise<number | string>;
  readonly errorLines: string[] = [];
  readonly #pid: number;

  constructor(options: ChromiumOptions) {
    const trust = trustAuthority(options.folder, options.certificates);
    const child = spawn(
      options.executable,
      [...commonSwitches(options.folder), ...options.switches, ...trust, options.url],
      {
        env: environment(options.folder),
        stdio: ['ignore', 'ignore', 'pipe'],
        // A process group of its own, so that all its processes can be ended by the id of this one.
        detached: true,
      },
    );
    createInterface(child.stderr).on('line', (line) => {
      if (!desktopOnly.test(line)) this.errorLines.push(line);
      const said = /:CONSOLE[^\]]*\] (.*)$/.exec(line)?.[1];
      // The browser's own pages write there too.
      if (said !== undefined && !said.includes('source: chrome://')) options.onConsole(said);
    });
    this.#pid = child.pid ?? 0;
    this.exit = this.#watch(child);
  }

  async stop(): Promise<void> {
    // The browser ends its own processes, when it is asked; what is left after that is killed.
    this.#signal(this.#pid, 'SIGTERM');
    const stop = new AbortController();
    const late = sleep(stopTimeoutMs, undefined, { signal: stop.signal }).catch(() => undefined);
    await Promise.race([this.exit, late]);
    stop.abort();
    this.#signal(-this.#pid, 'SIGKILL');
    await this.exit;
  }

  #signal(target: number, name: NodeJS.Signals): void {
    if (this.#pid === 0) return;
    try {
      process.kill(target, name);
    } catch {
      // Nobody is left.
    }
  }

  async #watch(child: ReturnType<typeof spawn>): Promise<number | string> {
    const { promise, resolve } = Promise.withResolvers<number | string>();
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    return promise;
  }
}

function commonSwitches(folder: string): readonly string[] {
  return [
    '--headless=new',
    `--user-data-dir=${join(folder, 'profile')}`,
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    '--disable-dev-shm-usage',
    '--disable-gpu',
    '--no-first-run',
    '--no-default-browser-check',
    '--no-proxy-server',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-default-apps',
    '--disable-extensions',
    '--disable-sync',
    '--password-store=basic',
    '--enable-logging=stderr',
    '--log-level=0',
  ];
}

function environment(home: string): NodeJS.ProcessEnv {
  const { PATH, LANG, TMPDIR } = process.env;
  return { PATH, LANG, TMPDIR, HOME: home, DBUS_SESSION_BUS_ADDRESS: 'disabled:' };
}

/**
 * The authority goes into the trust store of this home, so that certificates are verified as ever. Without certutil the
 * switch that is returned lets the server's own public key pass, and no other.
 */
function trustAuthority(home: string, files: ChromiumOptions['certificates']): readonly string[] {
  const store = join(home, '.pki/nssdb');
  mkdirSync(store, { recursive: true });
  const certutil = (...args: string[]) => run('certutil', ['-d', `sql:${store}`, ...args]);
  const isMade = certutil('-N', '--empty-password').status === 0;
  if (isMade && certutil('-A', '-n', 'framegate', '-t', 'C,,', '-i', files.caFile).status === 0) return [];
  console.log(
    'warning: no certutil (libnss3-tools); Chromium is told the public key of the server by a switch',
  );
  const { publicKey } = new X509Certificate(readFileSync(files.certFile));
  const key = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' }));
  return [`--ignore-certificate-errors-spki-list=${key.digest('base64')}`];
}

function run(command: string, args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync(command, args, { encoding: 'utf8', timeout: installTimeoutMs });
}
