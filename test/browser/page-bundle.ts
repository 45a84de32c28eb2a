// Installs the page's packages, checks its types and bundles it. They live in this folder's own node_modules, so that the
// project itself stays lean. Must need no network once they are installed.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { voicePackage } from '../../src/demo/voice-proto.ts';

const folder = import.meta.dirname;
const lockFile = join(folder, 'package-lock.json');
/** A copy of the lock that the packages were installed by. */
const installedLockFile = join(folder, 'node_modules/.installed-lock.json');
const compiler = join(folder, '../../node_modules/typescript/bin/tsc');
const bundler = join(folder, 'node_modules/esbuild/bin/esbuild');
const shownPackages = ['grpc-web', '@connectrpc/connect-web'];

export function installPackages(): void {
  const lock = readFileSync(lockFile, 'utf8');
  if (!existsSync(installedLockFile) || readFileSync(installedLockFile, 'utf8') !== lock) {
    console.log('Installing the packages of the page (npm ci in test/browser) ...');
    // No package here needs its install script, and what does not run needs no trust.
    run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], 'inherit');
    writeFileSync(installedLockFile, lock);
  }
  console.log(`Packages: ${shownPackages.map(nameAndVersion).join(', ')}`);
}

/** Rejects code that does not fit the packages' types. Writes one file with everything in it. */
export function bundlePage(outputFile: string): void {
  run(process.execPath, [compiler, '-p', join(folder, 'page')]);
  run(process.execPath, [
    bundler,
    join(folder, 'page/main.ts'),
    '--bundle',
    '--format=esm',
    '--target=es2022',
    '--log-level=warning',
    `--define:VOICE_PROTO=${JSON.stringify(descriptorOfVoiceProto())}`,
    `--outfile=${outputFile}`,
  ]);
}

/** proto/voice.proto as a google.protobuf.FileDescriptorProto in base64: what the page makes its messages from. */
function descriptorOfVoiceProto(): string {
  const files: unknown = voicePackage['voice.SayRequest']?.fileDescriptorProtos;
  const descriptor: unknown = Array.isArray(files) ? files[0] : undefined;
  if (!Buffer.isBuffer(descriptor)) throw new Error('proto/voice.proto has no message SayRequest');
  return descriptor.toString('base64');
}

function nameAndVersion(name: string): string {
  const manifest: unknown = JSON.parse(
    readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8'),
  );
  const isVersioned = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  return `${name} ${isVersioned ? String(manifest.version) : 'without version'}`;
}

function run(command: string, args: readonly string[], output: 'inherit' | 'pipe' = 'pipe'): void {
  const done = spawnSync(command, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', output, output] });
  if (done.status === 0) return;
  const said = [done.stdout, done.stderr, done.error?.message].filter(Boolean).join('\n');
  throw new Error(`${command} ${args[0]} failed (${done.status ?? done.signal})\n${said}`);
}
