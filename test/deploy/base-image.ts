// A small Debian made here, once, without any registry of images: what a systemd boots in, and with Node and npm in it what
// stands in for the Dockerfile's base.

import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { asRoot, run } from './commands.ts';

export const root = join(import.meta.dirname, '../..');
export const baseName = 'docker.io/library/node:24-slim';

const suite = 'bookworm';
const packages = ['ca-certificates', 'curl', 'dbus', 'procps', 'systemd', 'systemd-sysv'];
const cacheFolder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'framegate-deploy');
const archive = join(cacheFolder, `debian-${suite}.tar`);
const unused = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*'];
const minuteMs = 60_000;

export const baseNeeds = { mmdebstrap: 'mmdebstrap' };

/** buildah with its images in our cache, not in the machine's own store. */
export function buildah(...args: readonly string[]): readonly string[] {
  const store = ['--root', join(cacheFolder, 'images'), '--runroot', join(cacheFolder, 'run')];
  return asRoot('buildah', ...store, '--storage-driver', 'vfs', ...args);
}

/** Unpacks the Debian into `folder`, which must not be there. */
export async function unpackDebian(folder: string, tell: (line: string) => void): Promise<void> {
  await makeArchive(tell);
  mkdirSync(folder);
  await run(asRoot('tar', '-C', folder, '-xf', archive), { timeoutMs: 2 * minuteMs });
}

/** Afterwards buildah finds the Dockerfile's base under its name. */
export async function provideBaseImage(folder: string, tell: (line: string) => void): Promise<void> {
  const stamp = `localhost/framegate-base:${suite}-node-${process.versions.node}`;
  const known = await run(buildah('images', '--format', '{{.Name}}:{{.Tag}}'));
  if (known.split('\n').includes(stamp)) return;
  await unpackDebian(folder, tell);
  tell(`making the base image ${baseName} of it, with Node ${process.versions.node}`);
  const npm = await npmFolder();
  await run(asRoot('cp', '-L', process.execPath, join(folder, 'usr/local/bin/node')));
  await run(asRoot('cp', '-rL', npm, join(folder, 'usr/local/lib/npm')));
  await run(asRoot('ln', '-s', '../lib/npm/bin/npm-cli.js', join(folder, 'usr/local/bin/npm')));
  const container = (await run(buildah('from', 'scratch'))).trim();
  const timeoutMs = 3 * minuteMs;
  await run(buildah('copy', '-q', container, folder, '/'), { timeoutMs });
  const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  await run(buildah('config', '--env', path, container));
  await run(buildah('commit', '-q', '--rm', container, baseName), { timeoutMs });
  await run(buildah('tag', baseName, stamp));
}

/** Makes the Debian, once for all runs on this machine. Never twice at the same time. */
export async function makeArchive(tell: (line: string) => void): Promise<void> {
  if (existsSync(archive)) return;
  mkdirSync(cacheFolder, { recursive: true });
  tell(`making a Debian ${suite} with mmdebstrap, once: ${archive}`);
  const unfinished = `${archive}.new.tar`;
  const options = ['--variant=minbase', `--include=${packages.join(',')}`];
  const excluded = unused.map((path) => `--dpkgopt=path-exclude=${path}`);
  const command = asRoot('mmdebstrap', ...options, ...excluded, suite, unfinished);
  await run(command, { timeoutMs: 10 * minuteMs, isShown: true });
  await run(asRoot('mv', unfinished, archive));
}

/** The npm that runs this, or the one that is installed. */
async function npmFolder(): Promise<string> {
  const cli = process.env['npm_execpath'] ?? (await run(['sh', '-c', 'command -v npm'])).trim();
  const folder = dirname(dirname(realpathSync(cli)));
  const contents: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  if (typeof contents === 'object' && contents !== null && 'name' in contents && contents.name === 'npm')
    return folder;
  throw new Error(`${folder} is not npm's folder`);
}
