// Programs out of Debian packages that are unpacked and not installed, since installing them would start a service. They
// are gone when the run is over.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asRoot, canBeRoot, run } from './commands.ts';

const timeoutMs = 10 * 60_000;

/** Puts those that are not there into PATH; says what cannot be had. */
export async function unpackPrograms(
  packages: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  for (const [program, name] of Object.entries(packages)) {
    if (await isThere(program)) continue;
    console.log(`  unpacking ${program} of ${name} ...`);
    try {
      await unpack(name);
    } catch (error) {
      return `${name} could not be had by apt-get: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (!(await isThere(program))) return `there is no ${program} in ${name}`;
  }
  return undefined;
}

async function unpack(name: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-deploy-package-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  await download(name, folder);
  await run(['sh', '-c', 'dpkg-deb --extract ./*.deb .'], { cwd: folder });
  process.env['PATH'] = `${process.env['PATH']}:${join(folder, 'usr/bin')}`;
}

/** Needs no root, unless apt-get knows of no packages yet. */
async function download(name: string, folder: string): Promise<void> {
  const command = ['apt-get', 'download', '-qq', name];
  try {
    await run(command, { cwd: folder, timeoutMs });
  } catch (error) {
    if (!canBeRoot()) throw error;
    await run(asRoot('apt-get', 'update', '-qq'), { timeoutMs });
    await run(command, { cwd: folder, timeoutMs });
  }
}

function isThere(program: string): Promise<boolean> {
  return run(['sh', '-c', `command -v ${program}`]).then(
    () => true,
    () => false,
  );
}
