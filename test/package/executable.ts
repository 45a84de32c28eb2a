// The single executable in a root that has the C library and nothing else: no Node, no shell, no package of npm, and nothing
// that can be written to.

import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type CaseContext, type DeployCase } from '../deploy/cases.ts';
import { asRoot, Background, run } from '../deploy/commands.ts';
import { testCertificate } from '../support/certificates.ts';
import { callThrough, checkAdmin, demoAddress, listenerAddress, pidOf, writeConfig } from './served-call.ts';

const root = join(import.meta.dirname, '../..');
const buildTimeoutMs = 5 * 60_000;
const startsMeasured = 5;
const program = '/framegate';
const user = '65532:65532';

/** Programs of the host, before the root is changed: afterwards there are none. */
const enterScript = `
set -e
root=$1 user=$2; shift 2
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -o remount,bind,ro "$root"
cd "$root"
exec chroot --userspec="$user" --groups= "$root" "$@"`;

export const executableCases: readonly DeployCase[] = [
  {
    name: 'the single executable serves calls in a root without Node, before and after its workers were replaced, and drains',
    needs: { ldd: 'libc-bin', unshare: 'util-linux', chroot: 'coreutils' },
    needsRoot: true,
    async run(context) {
      context.tell('building it');
      await run([process.execPath, join(root, 'scripts/build-sea.ts')], {
        timeoutMs: buildTimeoutMs,
        isShown: true,
      });
      const tree = await makeRoot(context);
      await checkHelp(tree, context);
      await serve(tree, context);
    },
  },
];

/** The executable and the libraries it is linked with, at their own paths. */
async function makeRoot({ folder }: CaseContext): Promise<string> {
  const tree = join(folder, 'root');
  for (const path of ['proc', 'dev', 'tmp', 'etc']) mkdirSync(join(tree, path), { recursive: true });
  const executable = join(root, 'build/framegate');
  copyFileSync(executable, join(tree, program));
  const linked = await run(['ldd', executable]);
  for (const [library] of linked.matchAll(/\/\S+/g)) {
    mkdirSync(join(tree, dirname(library)), { recursive: true });
    copyFileSync(library, join(tree, library));
  }
  chmodSync(folder, 0o755);
  return tree;
}

function inside(tree: string, ...args: readonly string[]): readonly string[] {
  const enter = ['unshare', '--mount', 'sh', '-c', enterScript, 'sh', tree, user];
  return asRoot('env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', ...enter, program, ...args);
}

async function checkHelp(tree: string, { tell }: CaseContext): Promise<void> {
  assert.match(await run(inside(tree, '--version')), /^\d+\.\d+\.\d+\n$/);
  assert.match(await run(inside(tree, '--help')), /^Usage: framegate COMMAND/);
  assert.match(await run(inside(tree, 'serve', '--help')), /^Usage: framegate serve/);
  assert.match(await run(inside(tree, 'explain', 'FG1001')), /^FG1001: /);
  const executable = join(tree, program);
  const startsMs: number[] = [];
  for (let count = 0; count < startsMeasured; count++) {
    const beganMs = performance.now();
    await run([executable, '--version']);
    startsMs.push(performance.now() - beganMs);
  }
  const megabytes = (statSync(executable).size / 1e6).toFixed(0);
  tell(`${megabytes} MB; --version takes ${Math.min(...startsMs).toFixed(0)} ms`);
}

async function serve(tree: string, { after, tell }: CaseContext): Promise<void> {
  const start = (...args: readonly string[]) => {
    const background = new Background(inside(tree, ...args));
    after(() => background.kill());
    return background;
  };
  const demo = start('demo', '--address', '127.0.0.1:0');
  const certificate = await testCertificate('localhost');
  const etc = join(tree, 'etc');
  const config = join('/etc', writeConfig(etc, certificate, await demoAddress(demo)));
  chmodSync(join(etc, 'server.key'), 0o644);
  assert.match(await run(inside(tree, 'check', '-c', config)), /: ok \(/);
  const beganMs = performance.now();
  const proxy = start('serve', '-c', config);
  await proxy.says(/"framegate serves"/);
  tell(`serves after ${(performance.now() - beganMs).toFixed(0)} ms`);
  const address = await listenerAddress(proxy);
  await callThrough(address, certificate.caPem);
  await checkAdmin(proxy, (await run(inside(tree, '--version'))).trim());
  tell('served a call over TLS, with two workers');
  const pid = String(pidOf(proxy, 'framegate serves'));
  // As an upgrade does it: the file is another one by then, of the same name.
  copyFileSync(join(tree, program), join(tree, 'framegate.new'));
  renameSync(join(tree, 'framegate.new'), join(tree, program));
  await run(asRoot('kill', '-USR2', pid));
  await proxy.says(/"workers replaced; those before end after their last call"/);
  await callThrough(address, certificate.caPem);
  tell('served another with workers of a new file');
  await run(asRoot('kill', '-TERM', pid));
  assert.equal(await proxy.exit(), 0, proxy.output);
}
