// `npm run build:sea` builds build/framegate, one file that contains Node, Framegate and all its packages, for hosts without Node.
// It runs on the system and processor it is built on. docs/decisions/0027-single-executable.md explains how and why.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { EXPLAINING_PAGES } from '../src/diagnosis/pages/page.ts';
import { NODE_FLAGS } from '../src/workers/node-flags.ts';
import { installLocked } from './locked-packages.ts';
import { bundle } from './sea/bundle.ts';
import { embeddedProtos } from './sea/descriptor-sets.ts';
import { licencesOf } from './sea/licences.ts';

/** The sentinel in Node's binary. The flag after it, which postject sets, tells Node whether a program is embedded. */
const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
const root = join(import.meta.dirname, '..');
const outputFolder = join(root, 'build');
const output = join(outputFolder, 'framegate');

if (process.platform === 'linux') build();
else {
  console.error('build:sea makes executables for Linux, on Linux; elsewhere use npm or the container');
  process.exitCode = 1;
}

function build(): void {
  const programs = installLocked(join(import.meta.dirname, 'sea'));
  const work = mkdtempSync(join(tmpdir(), 'framegate-sea-'));
  try {
    run(process.execPath, [join(root, 'scripts/build-page.ts')]);
    const { file, inputs } = bundle({ root, work, bundler: join(programs, 'esbuild') });
    const blob = join(work, 'sea.blob');
    const configuration = join(work, 'sea-config.json');
    writeFileSync(configuration, JSON.stringify(seaConfig(basename(file), blob, work)));
    // Stack traces show the program's name as given here, so it is given without its folder.
    run(process.execPath, ['--experimental-sea-config', configuration], work);
    mkdirSync(outputFolder, { recursive: true });
    rmSync(output, { force: true });
    copyFileSync(process.execPath, output);
    chmodSync(output, 0o755);
    run(join(programs, 'postject'), [output, 'NODE_SEA_BLOB', blob, '--sentinel-fuse', fuse]);
    // The page has packages of its own, whose licences were collected when it was built.
    const ofPage = readFileSync(join(root, 'dist/dashboard/licences.md'), 'utf8');
    writeFileSync(`${output}.licences.txt`, `${licencesOf(root, inputs)}\n${ofPage}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const version = run(output, ['--version']).trim();
  const megabytes = (statSync(output).size / 1e6).toFixed(0);
  console.log(`${output}: Framegate ${version} with Node ${process.version}, ${megabytes} MB`);
}

function seaConfig(main: string, blob: string, work: string): object {
  return {
    main,
    output: blob,
    disableExperimentalSEAWarning: true,
    // The program is compiled at build time and not at each start.
    useCodeCache: true,
    execArgv: NODE_FLAGS,
    assets: {
      'package.json': join(root, 'package.json'),
      ...filesOf('docs/diagnoses'),
      ...Object.fromEntries(Object.values(EXPLAINING_PAGES).map((path) => [path, join(root, path)])),
      ...filesOf('deploy/systemd'),
      'dist/dashboard/index.html': join(root, 'dist/dashboard/index.html'),
      ...filesOf('dist/dashboard/assets'),
      ...embeddedProtos(root, work),
    },
  };
}

/** @returns the files of a folder that commands show or write, by their paths in the project */
function filesOf(folder: string): Readonly<Record<string, string>> {
  const paths = readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);
  return Object.fromEntries(paths.map((path) => [path, join(root, path)]));
}

/** @returns the standard output of the command */
function run(command: string, args: readonly string[], cwd: string = root): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args[0]} failed (${status})\n${stdout}${stderr}`, { cause: error });
}
