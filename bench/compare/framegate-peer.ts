// Framegate as a peer of the comparison: as it ships, with the workload's number of workers.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { NODE_FLAGS } from '../../src/workers/node-flags.ts';
import { type Peer, type PeerCommand, type PeerSettings, writeConfiguration } from './peers.ts';
import { progress } from './progress.ts';

const PROJECT = join(import.meta.dirname, '../..');

export interface FramegateProgram {
  readonly nodeProgram: string;
  readonly nodeArguments: readonly string[];
  readonly mainFile: string;
  readonly version: string;
}

/** Builds the project's dist/main.js unless another program is given. Throws if the build fails. */
export function buildFramegate(nodeProgram: string, mainFile: string | undefined): FramegateProgram {
  const built = mainFile ?? join(PROJECT, 'dist/main.js');
  if (mainFile === undefined) {
    progress('npm run build');
    execFileSync('npm', ['run', 'build', '--silent'], { cwd: PROJECT, stdio: ['ignore', 2, 2] });
  }
  if (!existsSync(built)) throw new Error('the main.js to measure does not exist');
  const nodeVersion = execFileSync(nodeProgram, ['--version'], { encoding: 'utf8' }).trim();
  const which = mainFile === undefined ? 'this project' : 'another build';
  return {
    nodeProgram,
    nodeArguments: NODE_FLAGS,
    mainFile: built,
    version: `${which}, Node ${nodeVersion}`,
  };
}

/** @returns the same program, which writes its CPU profile to FOLDER/WORKLOAD.cpuprofile when SIGTERM ends it */
export function withCpuProfile(
  framegate: FramegateProgram,
  folder: string,
  workloadName: string,
): FramegateProgram {
  mkdirSync(folder, { recursive: true });
  const profiling = ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${workloadName}.cpuprofile`];
  return { ...framegate, nodeArguments: [...framegate.nodeArguments, ...profiling] };
}

export function framegatePeer(framegate: FramegateProgram): Peer {
  return {
    name: 'framegate',
    version: framegate.version,
    speaksHttp1: true,
    hasWorkers: true,
    isJavaScript: true,
    prepare: (settings) => prepare(framegate, settings),
  };
}

function prepare(framegate: FramegateProgram, settings: PeerSettings): PeerCommand {
  const template = settings.protocol === 'http1' ? 'http1/framegate.yaml' : 'framegate.yaml';
  const limitsLine =
    settings.streamsPerConnection > 128
      ? `limits: { concurrentStreams: ${settings.streamsPerConnection} }`
      : '';
  const write = (workersLine: string): string =>
    writeConfiguration(template, settings, { workersLine, limitsLine });
  const command = (word: string, file: string): readonly string[] => [
    ...framegate.nodeArguments,
    framegate.mainFile,
    word,
    '-c',
    file,
  ];
  let file = write(`workers: ${settings.workers}`);
  const { assembled } = settings;
  if (assembled !== undefined) {
    const program = join(PROJECT, 'bench/peers', assembled.program);
    const programArguments = [...framegate.nodeArguments, program, file, String(assembled.argument)];
    return { program: framegate.nodeProgram, programArguments };
  }
  // Older releases have no workers and reject the key.
  const check = spawnSync(framegate.nodeProgram, [framegate.mainFile, 'check', '-c', file], {
    encoding: 'utf8',
  });
  if (check.status !== 0 && /workers/.test(`${check.stdout}${check.stderr}`)) {
    if (settings.workers > 1) throw new Error('this framegate has no workers');
    file = write('');
  }
  return { program: framegate.nodeProgram, programArguments: command('serve', file) };
}
