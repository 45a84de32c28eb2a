// The Pythons to test with: a virtual environment with the newest packages, and Debian's own interpreter with its
// python3-grpcio. What cannot be had is said by name, never hidden.

import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './conformance/cache-folder.ts';

export interface Interpreter {
  readonly executable: string;
  /** Of grpcio. */
  readonly version: string;
  /** Folder with the modules that grpc_tools made of proto/voice.proto; undefined where packages are missing for that. */
  readonly generated: string | undefined;
}

export interface Missing {
  readonly missing: string;
}

export interface Interpreters {
  readonly packageIndex: Interpreter | Missing;
  readonly debian: Interpreter | Missing;
}

const project = join(import.meta.dirname, '../..');
const generatedFolder = join(project, 'node_modules/.cache/framegate-interop/generated');
const protoFolder = join(project, 'proto');
const toolPackages = [
  'grpcio-tools',
  'grpcio-channelz',
  'grpcio-health-checking',
  'grpcio-reflection',
  'websockets',
];
const debianPython = '/usr/bin/python3';
const debianPackages = ['python3-grpcio', 'python3-protobuf'];
const installTimeoutMs = 5 * 60_000;

/** The newest grpcio of the Python package index, in a virtual environment that is kept for the next run. */
export function preparePackageIndexPython(warn: (text: string) => void): Interpreter | Missing {
  const folder = join(cacheFolder, 'venv');
  const executable = join(folder, 'bin/python');
  // A run that was broken off may have left half of one.
  if (!existsSync(executable) || run(executable, ['-m', 'pip', '--version']).status !== 0) {
    mkdirSync(cacheFolder, { recursive: true });
    const made = run('python3', ['-m', 'venv', '--clear', folder]);
    if (made.status !== 0) return { missing: `python3 -m venv failed: ${lastLine(made)}` };
  }
  const install = (...names: string[]) =>
    run(executable, ['-m', 'pip', 'install', '--quiet', '--upgrade', ...names]);
  const packages = ['grpcio', ...toolPackages];
  // One by one where they cannot be had together, to learn which it is.
  const wanting = install(...packages).status === 0 ? [] : packages;
  for (const name of wanting) {
    const installed = install(name);
    if (installed.status === 0) continue;
    const isThere =
      run(executable, ['-c', `import importlib.metadata as m; m.version('${name}')`]).status === 0;
    warn(`${name} could not be ${isThere ? 'brought up to date' : 'installed'}: ${lastLine(installed)}`);
    if (name === 'grpcio' && !isThere)
      return { missing: `grpcio could not be installed: ${lastLine(installed)}` };
  }
  const version = grpcVersion(executable);
  if (version === undefined) return { missing: `${executable} cannot import grpc` };
  return { executable, version, generated: generateModules(executable, warn) };
}

/** Debian's python3-grpcio. */
export function prepareDebianPython(warn: (text: string) => void): Interpreter | Missing {
  if (!existsSync(debianPython)) return { missing: `there is no ${debianPython}` };
  if (grpcVersion(debianPython) === undefined) installDebianPackages(debianPackages, warn);
  const version = grpcVersion(debianPython);
  if (version === undefined) {
    return { missing: `${debianPython} has no grpc (apt-get install ${debianPackages.join(' ')})` };
  }
  return { executable: debianPython, version, generated: undefined };
}

/** Does so only where a continuous integration job runs as root. */
export function installDebianPackages(packages: readonly string[], warn: (text: string) => void): void {
  if (process.env.CI !== 'true' || process.getuid?.() !== 0) return;
  const install = () => run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages]);
  if (install().status === 0) return;
  run('apt-get', ['update', '-qq']);
  const installed = install();
  if (installed.status !== 0) {
    warn(`${packages.join(' and ')} could not be installed: ${lastLine(installed)}`);
  }
}

function grpcVersion(executable: string): string | undefined {
  const asked = run(executable, ['-c', 'import grpc; print(grpc.__version__)']);
  return asked.status === 0 ? asked.stdout.trim() : undefined;
}

function generateModules(executable: string, warn: (text: string) => void): string | undefined {
  const imported = run(executable, [
    '-c',
    'import grpc_tools, grpc_channelz.v1.channelz, grpc_health.v1.health, grpc_reflection.v1alpha.reflection',
  ]);
  if (imported.status !== 0) {
    warn(`channelz, health checking, reflection and generated stubs cannot be tested: ${lastLine(imported)}`);
    return undefined;
  }
  mkdirSync(generatedFolder, { recursive: true });
  const outputs = [`--python_out=${generatedFolder}`, `--grpc_python_out=${generatedFolder}`];
  const made = run(executable, ['-m', 'grpc_tools.protoc', `-I${protoFolder}`, ...outputs, 'voice.proto']);
  if (made.status === 0) return generatedFolder;
  warn(`grpc_tools could not compile proto/voice.proto: ${lastLine(made)}`);
  return undefined;
}

function run(command: string, args: readonly string[]): SpawnSyncReturns<string> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', PIP_DISABLE_PIP_VERSION_CHECK: '1' };
  return spawnSync(command, args, { encoding: 'utf8', timeout: installTimeoutMs, env });
}

function lastLine(result: SpawnSyncReturns<string>): string {
  if (result.error !== undefined) return result.error.message;
  return result.stderr.trim().split('\n').at(-1) ?? `exit code ${result.status}`;
}
