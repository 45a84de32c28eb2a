// Tools that only one script needs: a folder of its own has their package.json and lock, so that the project stays lean.
// Must need no network once they are installed.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Installs what the folder's lock names, where that has not been done yet. @returns the folder of their programs */
export function installLocked(folder: string): string {
  const lock = readFileSync(join(folder, 'package-lock.json'), 'utf8');
  /** A copy of the lock that the packages were installed by. */
  const installedLockFile = join(folder, 'node_modules/.installed-lock.json');
  if (!existsSync(installedLockFile) || readFileSync(installedLockFile, 'utf8') !== lock) {
    // None of them needs its install script, and what does not run needs no trust.
    const install = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    const { status, error } = spawnSync('npm', install, { cwd: folder, stdio: 'inherit' });
    if (status !== 0) throw new Error(`npm ci in ${folder} failed`, { cause: error });
    writeFileSync(installedLockFile, lock);
  }
  return join(folder, 'node_modules/.bin');
}
