// The package as npm would publish it: what is in it, what publint and attw say, and that it runs where nothing else is.

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { installLocked } from '../../scripts/locked-packages.ts';
import type { CaseContext, DeployCase } from '../deploy/cases.ts';
import { Background, run } from '../deploy/commands.ts';
import { testCertificate } from '../support/certificates.ts';
import { callThrough, checkAdmin, demoAddress, listenerAddress, pidOf, writeConfig } from './served-call.ts';

const root = join(import.meta.dirname, '../..');
const installTimeoutMs = 5 * 60_000;
/** The Node that runs this, whatever else the machine has. */
const environment = { PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` };

/** What a package has to have, and all it may have. */
const needed = [
  'LICENSE',
  'README.md',
  'config.example.yaml',
  'config.schema.json',
  'deploy/compose.yaml',
  'deploy/systemd/framegate.service',
  'deploy/systemd/framegate.socket',
  'dist/cli/serve.js',
  'dist/dashboard/index.html',
  'dist/dashboard/licences.md',
  'dist/main.js',
  'docs/README.md',
  'docs/benchmarks/overview-light.svg',
  'docs/configuration-reference.md',
  'docs/configuration.md',
  'docs/diagnoses/FG1001.md',
  'docs/openapi.yaml',
  'docs/operating.md',
  'docs/pictures/dashboard-light.png',
  'package.json',
  'proto/voice.proto',
];
// npm adds the README of a folder of which anything is packed; the one of the benchmarks explains the chart.
const allowed =
  /^(?:dist\/.+\.js(?:\.map)?|dist\/dashboard\/(?:index\.html|licences\.md|assets\/index-[\w-]+\.(?:css|js))|deploy\/.+|proto\/voice\.proto|docs\/(?:README|[a-z-]+)\.md|docs\/openapi\.yaml|docs\/pictures\/dashboard-(?:dark|light)\.png|docs\/benchmarks\/(?:overview-(?:dark|light)\.svg|README\.md)|docs\/diagnoses\/(?:FG\d{4}|README)\.md|[^/]+)$/;

export const npmPackageCases: readonly DeployCase[] = [
  {
    name: 'npm pack makes a package that publint and attw find nothing wrong with, and that serves where nothing else is',
    needs: {},
    needsRoot: false,
    async run(context) {
      const tarball = await pack(context);
      const tools = installLocked(import.meta.dirname);
      context.tell(
        `publint: ${(await run([join(tools, 'publint'), 'run', '--strict', tarball], { environment })).trim().split('\n').at(-1)}`,
      );
      const judged = await run([join(tools, 'attw'), tarball, '--no-emoji', '--no-color'], { environment });
      context.tell(`attw: ${judged.trim().split('\n')[0]}`);
      const project = await install(tarball, context);
      await tryIt(project, context);
    },
  },
];

/** From a copy of the sources, so that nothing of a former build gets in and nobody's build is disturbed. @returns the tarball */
async function pack({ folder, tell }: CaseContext): Promise<string> {
  const copy = join(folder, 'sources');
  const list = await run(['git', 'ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root });
  for (const path of list.trimEnd().split('\n')) {
    if (/^(?:src|dashboard|scripts|proto|deploy|docs)\/|^[^/]+$/.test(path))
      cpSync(join(root, path), join(copy, path));
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  // Something that must not get into the package.
  mkdirSync(join(copy, 'dist'));
  writeFileSync(join(copy, 'dist/left-behind.js'), '');
  const { files, size, unpackedSize, filename } = readReport(
    await run(['npm', 'pack', '--json', '--loglevel=error'], {
      cwd: copy,
      environment,
      timeoutMs: installTimeoutMs,
    }),
  );
  const paths = files.map(({ path }) => path);
  assert.deepEqual(
    needed.filter((path) => !paths.includes(path)),
    [],
    'all that is needed is there',
  );
  assert.deepEqual(
    paths.filter((path) => !allowed.test(path)),
    [],
    'there is nothing else',
  );
  assert.ok(!paths.includes('dist/left-behind.js'), 'it was built anew');
  tell(`${filename}: ${files.length} files, ${kilobytes(size)}, ${kilobytes(unpackedSize)} unpacked`);
  return join(copy, filename);
}

function readReport(output: string): {
  readonly files: readonly { readonly path: string }[];
  readonly size: number;
  readonly unpackedSize: number;
  readonly filename: string;
} {
  // What prepack writes comes before it.
  return JSON.parse(output.slice(output.search(/^\[$/m)))[0];
}

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1000)} kB`;
}

/** @returns the project's folder */
async function install(tarball: string, { folder, tell }: CaseContext): Promise<string> {
  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "name": "somebody", "private": true }\n');
  const options = ['--cache', join(folder, 'npm-cache'), '--no-audit', '--no-fund', '--loglevel=error'];
  await run(['npm', 'install', ...options, tarball], {
    cwd: project,
    environment,
    timeoutMs: installTimeoutMs,
  });
  const lock: { readonly packages: object } = JSON.parse(
    readFileSync(join(project, 'package-lock.json'), 'utf8'),
  );
  tell(`installed with ${Object.keys(lock.packages).length - 2} packages of others`);
  return project;
}

async function tryIt(project: string, { after, tell }: CaseContext): Promise<void> {
  const options = { cwd: project, environment };
  const start = (...args: readonly string[]) => {
    const background = new Background(npx(...args), options);
    after(() => background.kill());
    return background;
  };
  const { version }: { readonly version: string } = JSON.parse(
    readFileSync(join(project, 'node_modules/framegate/package.json'), 'utf8'),
  );
  assert.equal((await run(npx('--version'), options)).trim(), version);
  const demo = start('demo', '--address', '127.0.0.1:0');
  const certificate = await testCertificate('localhost');
  const config = writeConfig(project, certificate, await demoAddress(demo));
  assert.match(await run(npx('check', '-c', config), options), /: ok \(1 listener, 1 route, 1 upstream\)/);
  const proxy = start('serve', '-c', config);
  await proxy.says(/"framegate serves"/);
  await callThrough(await listenerAddress(proxy), certificate.caPem);
  await checkAdmin(proxy, version);
  tell('served a call over TLS');
  process.kill(pidOf(proxy, 'framegate serves'), 'SIGTERM');
  assert.equal(await proxy.exit(), 0, proxy.output);
}

/** From what is installed here, and from nowhere else. */
function npx(...args: readonly string[]): readonly string[] {
  return ['npx', '--yes=false', '--loglevel=error', '--', 'framegate', ...args];
}
