// Installs tools that only one script needs. A folder has their package.json and lock file, so the project itself stays small.
// Once they are installed, no network access is needed.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Installs the packages in the folder's lock file, unless they are installed already. @returns the folder of their programs */
export function installLocked(folder: string): string {
  const lock = readFileSync(join(folder, 'package-lock.json'), 'utf8');
  /** A copy of the lock file from which the packages were installed. */
  const installedLockFile = join(folder, 'node_modules/.installed-lock.json');
  if (!existsSync(installedLockFile) || readFileSync(installedLockFile, 'utf8') !== lock) {
    // No package needs its install script, and a script that does not run need not be trusted.
    const install = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    const { status, error } = spawnSync('npm', install, { cwd: folder, stdio: 'inherit' });
    if (status !== 0) throw new Error(`npm ci in ${folder} failed`, { cause: error });
    writeFileSync(installedLockFile, lock);
  }
  return join(folder, 'node_modules/.bin');
}
