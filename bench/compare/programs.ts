// Finds programs on the machine and their versions.

import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { progress } from './progress.ts';

const INSTALL_TIMEOUT_MS = 300_000;

/** Also looks in sbin, where Debian has servers, because not every PATH contains it. */
export function findProgram(programName: string): string | undefined {
  const folders = (process.env['PATH'] ?? '')
    .split(delimiter)
    .concat('/usr/local/sbin', '/usr/sbin', '/sbin');
  return folders.map((folder) => join(folder, programName)).find(isExecutable);
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @returns the first line of the program's version output, without its path */
export function versionOf(program: string, versionArgument: string): string {
  const output = execFileSync('/bin/sh', ['-c', '"$0" "$1" 2>&1', program, versionArgument], {
    encoding: 'utf8',
  });
  const line = output.split('\n').find((text) => text.trim() !== '') ?? '';
  return line.replaceAll(program, '').trim();
}

/** Installs Debian packages, but only in a continuous integration job that runs as root. */
export function installInCi(packages: readonly string[]): void {
  if (packages.length === 0 || process.env['CI'] !== 'true' || process.getuid?.() !== 0) return;
  progress(`apt-get install ${packages.join(' ')}`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const aptGet = (...words: string[]) =>
    spawnSync('apt-get', words, { env: environment, timeout: INSTALL_TIMEOUT_MS, stdio: 'ignore' });
  const install = () => aptGet('install', '-y', '-qq', '--no-install-recommends', ...packages);
  if (install().status === 0) return;
  aptGet('update', '-qq');
  install();
}
