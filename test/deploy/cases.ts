// What a case is, and how cases are run one after the other and told about.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asRoot, canBeRoot, killAll, run } from './commands.ts';
import { unpackPrograms } from './unpacked-programs.ts';

export interface DeployCase {
  readonly name: string;
  /** Programs, each with the Debian package that has it. */
  readonly needs: Readonly<Record<string, string>>;
  /** Likewise, of packages that are not to be installed: they would start a service. */
  readonly unpacks?: Readonly<Record<string, string>>;
  readonly needsRoot: boolean;
  run(context: CaseContext): Promise<void>;
}

export interface CaseContext {
  /** Of this case alone; removed afterwards. */
  readonly folder: string;
  /** Called when the case is over, the last one first. */
  readonly after: (end: () => unknown) => void;
  /** A line about what is going on. */
  readonly tell: (line: string) => void;
}

export interface CaseCounts {
  passed: number;
  failed: number;
  skipped: number;
}

export async function runCases(cases: readonly DeployCase[]): Promise<CaseCounts> {
  const counts: CaseCounts = { passed: 0, failed: 0, skipped: 0 };
  let isInterrupted = false;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      isInterrupted = true;
      killAll();
    });
  }
  for (const one of cases) {
    if (isInterrupted) break;
    const missing = await findMissing(one);
    if (missing !== undefined) {
      counts.skipped += 1;
      console.log(`skipped  ${one.name}: ${missing}`);
      continue;
    }
    const beganMs = performance.now();
    const failure = await runCase(one);
    const seconds = ((performance.now() - beganMs) / 1000).toFixed(1);
    if (failure === undefined) counts.passed += 1;
    else counts.failed += 1;
    console.log(
      `${failure === undefined ? 'passed ' : 'FAILED '}  ${one.name} (${seconds} s)${failure === undefined ? '' : `\n${failure}`}`,
    );
  }
  return counts;
}

async function runCase(one: DeployCase): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-deploy-'));
  const remove = ['rm', '-rf', '--one-file-system', folder];
  const ends: (() => unknown)[] = [() => run(one.needsRoot ? asRoot(...remove) : remove)];
  try {
    await one.run({
      folder,
      after: (end) => ends.push(end),
      tell: (line) => console.log(`  ${line}`),
    });
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

/** Installs what is not there; says what cannot be had. */
async function findMissing(one: DeployCase): Promise<string | undefined> {
  if (one.needsRoot && !canBeRoot()) return 'it needs root, or sudo without a password';
  const absent = await absentPrograms(one);
  if (absent.length === 0) return unpackPrograms(one.unpacks ?? {});
  const packages = [...new Set(absent.map((program) => one.needs[program]))];
  if (!canBeRoot()) return `there is no ${absent.join(', ')} (Debian: ${packages.join(', ')})`;
  const problem = await install(packages);
  if (problem !== undefined) return problem;
  const stillAbsent = await absentPrograms(one);
  if (stillAbsent.length > 0) return `there is no ${stillAbsent.join(', ')}`;
  return unpackPrograms(one.unpacks ?? {});
}

/** Installs what several cases need, at once: where they run side by side, two calls of apt-get would exclude each other. */
export async function installFor(cases: readonly DeployCase[]): Promise<void> {
  if (!canBeRoot()) return;
  const packages = await Promise.all(
    cases.map(async (one) => (await absentPrograms(one)).map((program) => one.needs[program])),
  );
  const wanted = [...new Set(packages.flat())];
  const problem = wanted.length === 0 ? undefined : await install(wanted);
  // Each case says for itself what it lacks.
  if (problem !== undefined) console.log(`  ${problem}`);
}

/** @returns why it could not be done */
async function install(packages: readonly string[]): Promise<string | undefined> {
  console.log(`  installing ${packages.join(', ')} by apt-get ...`);
  const command = [
    'env',
    'DEBIAN_FRONTEND=noninteractive',
    'apt-get',
    'install',
    '-y',
    '-qq',
    '--no-install-recommends',
  ];
  const timeoutMs = 10 * 60_000;
  try {
    await run(asRoot('apt-get', 'update', '-qq'), { timeoutMs });
    await run(asRoot(...command, ...packages), { timeoutMs });
    return undefined;
  } catch (error) {
    return `apt-get could not install ${packages.join(', ')}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function absentPrograms(one: DeployCase): Promise<readonly string[]> {
  const found = await Promise.all(
    Object.keys(one.needs).map(async (program) => {
      const path = await run(['sh', '-c', `PATH="$PATH:/usr/sbin:/sbin" command -v ${program}`]).catch(
        () => '',
      );
      return path === '' ? [program] : [];
    }),
  );
  return found.flat();
}
