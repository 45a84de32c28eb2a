// Programs of others, built with Go and kept from run to run.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { cacheFolder } from './conformance/cache-folder.ts';

const BUILD_TIMEOUT_MS = 600_000;

/**
 * Builds a program, once for each version.
 * @param name of the folder that it is kept in
 * @param source the path of its package, an @, and the version
 * @returns the file of the program. Undefined, with a line that says why, if there is no Go that can build it
 */
export function goProgram(name: string, source: string): string | undefined {
  const target = join(cacheFolder, 'go', name);
  const program = join(target, basename(source.slice(0, source.indexOf('@'))));
  if (existsSync(program)) return program;
  mkdirSync(target, { recursive: true });
  const built = spawnSync('go', ['install', source], {
    env: { ...process.env, GOBIN: target },
    encoding: 'utf8',
    timeout: BUILD_TIMEOUT_MS,
  });
  if (built.status === 0 && existsSync(program)) return program;
  const why = built.error?.message ?? built.stderr.trim().split('\n').at(-1) ?? '';
  console.log(`skipped: go install failed: ${why}`);
  return undefined;
}
