// The programs that are written in Go, each at an exact version, built by `go install` into the cache folder. Versions change
// here only, by hand: a suite that moves by itself proves nothing about a change of ours.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { installDebianPackages } from '../interpreters.ts';
import { cacheFolder } from './cache-folder.ts';

const GO_TOOLS = {
  h2spec: { package: 'github.com/summerwind/h2spec/cmd/h2spec', version: 'v2.2.1+incompatible' },
  h2specd: { package: 'github.com/summerwind/h2spec/cmd/h2specd', version: 'v2.2.1+incompatible' },
  connectconformance: { package: 'connectrpc.com/conformance/cmd/connectconformance', version: 'v1.0.7' },
  referenceserver: { package: 'connectrpc.com/conformance/cmd/referenceserver', version: 'v1.0.7' },
  'grpc-go client': { package: 'google.golang.org/grpc/interop/client', version: 'v1.85.0' },
  'grpc-go server': { package: 'google.golang.org/grpc/interop/server', version: 'v1.85.0' },
  'grpc-go negative client': { package: 'google.golang.org/grpc/interop/http2', version: 'v1.85.0' },
} as const;

export type GoToolName = keyof typeof GO_TOOLS;

export type GoTool = { readonly executable: string; readonly version: string } | { readonly missing: string };

export type GoTools = Readonly<Record<GoToolName, GoTool>>;

/** The first version that can fetch the newer one a module asks for. */
const firstWithToolchains = [1, 21] as const;
const installTimeoutMs = 10 * 60_000;

export function prepareGoTools(warn: (text: string) => void): GoTools {
  // Asked for only where something has to be built.
  let problem: string | undefined;
  let isAsked = false;
  const goProblem = () => {
    if (!isAsked) problem = findGoProblem(warn);
    isAsked = true;
    return problem;
  };
  return {
    h2spec: prepare('h2spec', goProblem),
    h2specd: prepare('h2specd', goProblem),
    connectconformance: prepare('connectconformance', goProblem),
    referenceserver: prepare('referenceserver', goProblem),
    'grpc-go client': prepare('grpc-go client', goProblem),
    'grpc-go server': prepare('grpc-go server', goProblem),
    'grpc-go negative client': prepare('grpc-go negative client', goProblem),
  };
}

function prepare(name: GoToolName, goProblem: () => string | undefined): GoTool {
  const { package: path, version } = GO_TOOLS[name];
  const shown = version.replace(/^v/, '').replace('+incompatible', '');
  const folder = join(cacheFolder, 'go', `${name.replaceAll(' ', '-')}@${version}`);
  const executable = join(folder, path.slice(path.lastIndexOf('/') + 1));
  if (existsSync(executable)) return { executable, version: shown };
  const problem = goProblem();
  if (problem !== undefined) return { missing: problem };
  console.log(`  building ${name} ${shown} ...`);
  mkdirSync(folder, { recursive: true });
  // A toolchain of the machine's may be older than a module asks for; go fetches the right one by itself if it may.
  const env = { ...process.env, GOBIN: folder, GOTOOLCHAIN: process.env.GOTOOLCHAIN ?? 'auto' };
  const built = spawnSync('go', ['install', `${path}@${version}`], {
    encoding: 'utf8',
    timeout: installTimeoutMs,
    env,
  });
  if (built.status === 0 && existsSync(executable)) return { executable, version: shown };
  const reason = built.error?.message ?? built.stderr.trim().split('\n').at(-1);
  return { missing: `go install ${path}@${version} failed: ${reason}` };
}

function findGoProblem(warn: (text: string) => void): string | undefined {
  if (goVersion() === undefined) installDebianPackages(['golang-go'], warn);
  const version = goVersion();
  const [major, minor] = firstWithToolchains;
  if (version === undefined) return `there is no go (${major}.${minor} or later)`;
  if (version.major > major || (version.major === major && version.minor >= minor)) return undefined;
  return `go is ${version.major}.${version.minor}, which cannot fetch a newer toolchain; needs ${major}.${minor} or later`;
}

function goVersion(): { readonly major: number; readonly minor: number } | undefined {
  const asked = spawnSync('go', ['version'], { encoding: 'utf8' });
  const found = asked.status === 0 ? /\bgo(\d+)\.(\d+)/.exec(asked.stdout) : null;
  return found === null ? undefined : { major: Number(found[1]), minor: Number(found[2]) };
}
