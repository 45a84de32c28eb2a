// Framegate as it ships: the project's dist/main.js, built anew before it is measured.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { FramegateProgram } from './peers.ts';
import { progress } from './progress.ts';

const PROJECT = join(import.meta.dirname, '../..');

/** Undefined when there is nothing to build yet; throws when the build fails. */
export function buildFramegate(
  nodeProgram: string,
  mainFile: string | undefined,
): FramegateProgram | undefined {
  const built = mainFile ?? join(PROJECT, 'dist/main.js');
  if (mainFile === undefined) {
    if (!existsSync(join(PROJECT, 'src/main.ts'))) return undefined;
    progress('npm run build');
    execFileSync('npm', ['run', 'build', '--silent'], { cwd: PROJECT, stdio: ['ignore', 2, 2] });
  }
  if (!existsSync(built)) throw new Error(`${built} does not exist`);
  const nodeVersion = execFileSync(nodeProgram, ['--version'], { encoding: 'utf8' }).trim();
  return {
    nodeProgram,
    nodeArguments: [],
    mainFile: built,
    version: `${mainFile ?? 'this project'}, Node ${nodeVersion}`,
  };
}

/** The same program, which writes its CPU profile to FOLDER/WORKLOAD.cpuprofile when SIGTERM ends it. */
export function withCpuProfile(
  framegate: FramegateProgram,
  folder: string,
  workloadName: string,
): FramegateProgram {
  mkdirSync(folder, { recursive: true });
  const profiling = ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${workloadName}.cpuprofile`];
  return { ...framegate, nodeArguments: [...framegate.nodeArguments, ...profiling] };
}
