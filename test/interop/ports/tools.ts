// The clients that are programs of the machine, and the proxy that sends PROXY headers. A missing one is installed where a
// continuous integration job runs as root; else the rows that need it are skipped by name.

import { spawnSync } from 'node:child_process';
import { type Interpreter, type Interpreters, installDebianPackages } from '../interpreters.ts';

/** What a row needs beyond npm. */
export type Tool = 'curl' | 'openssl' | 'nghttp' | 'haproxy' | 'grpcio' | "Debian's grpcio" | 'websockets';

export interface FoundTool {
  readonly executable: string;
  /** As the program says. */
  readonly version: string;
}

export type Tools = ReadonlyMap<Tool, FoundTool>;

const PROGRAMS = {
  curl: { args: ['--version'], debianPackage: 'curl' },
  openssl: { args: ['version'], debianPackage: 'openssl' },
  nghttp: { args: ['--version'], debianPackage: 'nghttp2-client' },
  haproxy: { args: ['-v'], debianPackage: 'haproxy' },
} as const;

type Program = keyof typeof PROGRAMS;
const programs: readonly Program[] = ['curl', 'openssl', 'nghttp', 'haproxy'];

export function prepareTools(interpreters: Interpreters, warn: (text: string) => void): Tools {
  const tools = new Map<Tool, FoundTool>();
  const missing = programs.filter((program) => versionOf(program) === undefined);
  if (missing.length > 0) {
    installDebianPackages(
      missing.map((program) => PROGRAMS[program].debianPackage),
      warn,
    );
  }
  for (const program of programs) {
    const version = versionOf(program);
    if (version !== undefined) tools.set(program, { executable: program, version });
  }
  const { packageIndex, debian } = interpreters;
  if (!('missing' in packageIndex)) {
    tools.set('grpcio', toolOf(packageIndex));
    const version = websocketsVersion(packageIndex);
    if (version !== undefined) tools.set('websockets', { executable: packageIndex.executable, version });
  }
  if (!('missing' in debian)) tools.set("Debian's grpcio", toolOf(debian));
  return tools;
}

/** What to do about a tool that is not there. */
export function remedyFor(tool: Tool): string {
  switch (tool) {
    case 'grpcio':
    case 'websockets':
      return `needs ${tool} of the Python package index`;
    case "Debian's grpcio":
      return "needs Debian's python3-grpcio";
    default:
      return `needs ${tool} (apt-get install ${PROGRAMS[tool].debianPackage})`;
  }
}

function toolOf({ executable, version }: Interpreter): FoundTool {
  return { executable, version };
}

function versionOf(program: Program): string | undefined {
  const asked = spawnSync(program, PROGRAMS[program].args, { encoding: 'utf8' });
  return asked.status === 0 ? /\d+(\.\d+)+[a-z]?/.exec(asked.stdout)?.[0] : undefined;
}

function websocketsVersion({ executable }: Interpreter): string | undefined {
  const program = 'import importlib.metadata as m, websockets; print(m.version("websockets"))';
  const asked = spawnSync(executable, ['-c', program], { encoding: 'utf8' });
  return asked.status === 0 ? asked.stdout.trim() : undefined;
}
