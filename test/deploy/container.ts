// The Dockerfile as it stands, built by buildah on a base made here, and its image run as a container engine would run it:
// process 1 in namespaces of its own, the image's user, a read-only root, configuration and sockets mounted.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDemoService } from '../../src/demo/demo-service.ts';
import { testCertificate } from '../support/certificates.ts';
import { connectVoiceClient } from '../support/voice-client.ts';
import { baseNeeds, buildah, provideBaseImage, root } from './base-image.ts';
import type { CaseContext, DeployCase } from './cases.ts';
import { asRoot, Background, run } from './commands.ts';

const image = 'localhost/framegate:test';
const buildTimeoutMs = 5 * 60_000;
const stopTimeoutMs = 60_000;

/** What the image says of itself. */
interface ImageSettings {
  readonly user: string;
  readonly command: readonly string[];
  readonly environment: readonly string[];
  readonly healthCommand: readonly string[];
  readonly stopSignal: string;
}

/** A root that cannot be written to; below it the mounts that `docker run` makes. */
const runScript = `
set -e
root=$1 config=$2 sockets=$3 user=$4; shift 4
ip link set lo up
mount --bind "$root" "$root"
mount --bind "$config" "$root/etc/framegate"
mount -o remount,bind,ro "$root/etc/framegate"
mount --bind "$sockets" "$root/run/framegate"
mount --bind "$config/hosts" "$root/etc/hosts"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -o remount,bind,ro "$root"
exec chroot --userspec="$user" --groups= "$root" "$@"`;

export const containerCases: readonly DeployCase[] = [
  {
    name: 'the image is built, serves a call, is healthy, and drains when it is stopped',
    needs: { ...baseNeeds, buildah: 'buildah', ip: 'iproute2', unshare: 'util-linux', nsenter: 'util-linux' },
    needsRoot: true,
    async run(context) {
      // What an interrupted run has left in our own store.
      await run(buildah('rm', '--all'));
      await provideBaseImage(join(context.folder, 'base'), context.tell);
      await build(context);
      const container = (await run(buildah('from', '--pull-never', image))).trim();
      context.after(() => run(buildah('rm', container)));
      const settings = readSettings(await run(buildah('inspect', '--type', 'container', container)));
      const isolated = buildah(
        'run',
        '--isolation',
        'chroot',
        container,
        '--',
        ...settings.command.slice(0, settings.command.findIndex((word) => word.endsWith('main.js')) + 1),
      );
      assert.match(await run([...isolated, '--version']), /^\d+\.\d+\.\d+/m);
      const tree = (await run(buildah('mount', container))).trim();
      await checkContents(tree, context);
      await serve(tree, settings, context);
    },
  },
];

async function build({ folder, after, tell }: CaseContext): Promise<void> {
  tell('building the image');
  const npmrc = join(folder, 'npmrc');
  writeFileSync(npmrc, await npmSettings(), { mode: 0o600 });
  const mounts = [`${npmrc}:/root/.npmrc:ro`];
  const authorities = process.env['NODE_EXTRA_CA_CERTS'] ?? '';
  if (authorities !== '') mounts.push(`${authorities}:/etc/framegate-authorities.pem:ro`);
  const options = [
    '--isolation',
    'chroot',
    '--network',
    'host',
    '--pull-never',
    '--format',
    'docker',
    '--layers=false',
  ];
  const volumes = mounts.flatMap((mount) => ['--volume', mount]);
  await run(buildah('build', ...options, ...volumes, '--tag', image, root), {
    timeoutMs: buildTimeoutMs,
    isShown: true,
  });
  after(() => run(buildah('rmi', '--force', image)));
}

/** This machine's way to the registry; neither the Dockerfile nor the image knows of it. */
async function npmSettings(): Promise<string> {
  const userFile = (await run(['npm', 'config', 'get', 'userconfig'])).trim().split('\n').at(-1) ?? '';
  const lines = existsSync(userFile) ? [readFileSync(userFile, 'utf8')] : [];
  const registry = (await run(['npm', 'config', 'get', 'registry'])).trim().split('\n').at(-1);
  lines.push(`registry=${registry}`);
  if ((process.env['NODE_EXTRA_CA_CERTS'] ?? '') !== '') lines.push('cafile=/etc/framegate-authorities.pem');
  return `${lines.join('\n')}\n`;
}

function readSettings(inspected: string): ImageSettings {
  const text = inspected.slice(inspected.indexOf('{'));
  const { Docker }: { Docker: { config: Record<string, unknown> } } = JSON.parse(text);
  const { User, Entrypoint, Cmd, Env, Healthcheck, StopSignal } = Docker.config;
  const health: unknown =
    typeof Healthcheck === 'object' && Healthcheck !== null && 'Test' in Healthcheck ? Healthcheck.Test : [];
  const [kind, ...healthCommand] = texts(health);
  assert.equal(kind, 'CMD', 'the health check needs no shell');
  return {
    user: String(User),
    command: [...texts(Entrypoint), ...texts(Cmd)],
    environment: texts(Env),
    healthCommand,
    stopSignal: String(StopSignal),
  };
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

async function checkContents(tree: string, { tell }: CaseContext): Promise<void> {
  const list = (path: string) => run(asRoot('ls', join(tree, path)));
  assert.deepEqual((await list('app')).trim().split('\n').toSorted(), [
    'LICENSE',
    'dist',
    'docs',
    'node',
    'node_modules',
    'package.json',
    'proto',
  ]);
  const shells = await run(
    asRoot(
      'find',
      tree,
      '-xdev',
      '-type',
      'f',
      '(',
      '-name',
      'sh',
      '-o',
      '-name',
      'bash',
      '-o',
      '-name',
      'dash',
      '-o',
      '-name',
      'busybox',
      ')',
    ),
  );
  assert.equal(shells, '', 'there is no shell in the image');
  const [size] = (await run(asRoot('du', '-sm', '--one-file-system', tree))).split('\t');
  tell(`the image has ${size} MB`);
}

async function serve(tree: string, settings: ImageSettings, context: CaseContext): Promise<void> {
  const { folder, after, tell } = context;
  const sockets = join(folder, 'sockets');
  mkdirSync(sockets);
  chmodSync(sockets, 0o777);
  chmodSync(folder, 0o755);
  const demo = await startDemoService({ address: `unix:${sockets}/voice.sock` });
  after(() => demo.forceClose());
  chmodSync(join(sockets, 'voice.sock'), 0o777);
  const { caPem } = await writeConfig(folder);
  // The mount points, which an engine makes; an image built from scratch has none.
  const mountPoints = ['proc', 'dev', 'etc/framegate', 'run/framegate'].map((path) => join(tree, path));
  await run(asRoot('mkdir', '-p', ...mountPoints));
  await run(asRoot('touch', join(tree, 'etc/hosts')));

  const inside = [
    'sh',
    '-c',
    runScript,
    'sh',
    tree,
    join(folder, 'config'),
    sockets,
    settings.user,
    ...settings.command,
  ];
  const namespaces = ['--mount', '--pid', '--net', '--uts', '--ipc', '--fork', '--kill-child'];
  const engine = new Background(
    asRoot(
      'env',
      '-i',
      ...settings.environment,
      'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
      'unshare',
      ...namespaces,
      ...inside,
    ),
  );
  after(() => engine.kill());
  await engine.says(/"framegate serves"/);
  const pid = processOne(engine.pid);
  await checkProcess(pid, settings);

  tell('calling through it');
  await run(asRoot('chmod', '777', join(sockets, 'framegate.sock')));
  const client = connectVoiceClient({
    address: `unix:${sockets}/framegate.sock`,
    ca: caPem,
    channel: { 'grpc.ssl_target_name_override': 'localhost', 'grpc.default_authority': 'localhost' },
  });
  after(() => client.close());
  const { code, details } = await client.say({ text: 'hello' }, { deadlineMs: 30_000 });
  assert.equal(code, 0, details);
  const [userId, groupId] = settings.user.split(':');
  const enter = ['nsenter', '-t', String(pid), '-m', '-n', '-p', '-r', '-S', userId, '-G', groupId, '--'];
  await run(asRoot(...enter, ...settings.healthCommand));
  const [node] = settings.command;
  const lookup = "require('node:dns').lookup('voice-assistant', (_, address) => console.log(address))";
  assert.equal((await run(asRoot(...enter, node, '-e', lookup))).trim(), '10.1.2.3', 'names are found');
  const alone = asRoot(
    'unshare',
    '--net',
    'chroot',
    `--userspec=${settings.user}`,
    tree,
    ...settings.healthCommand,
  );
  await assert.rejects(run(alone), /ended with 1/, 'the health check fails where nobody answers');

  tell(`stopping it with ${settings.stopSignal} during a call`);
  const stream = client.streamAudio({ deadlineMs: stopTimeoutMs });
  stream.send({ audio: Buffer.from('one') });
  assert.notEqual(await stream.next(), undefined);
  await run(asRoot('kill', `-${settings.stopSignal.replace(/^SIG/, '')}`, String(pid)));
  await engine.says(/"msg":"draining"/);
  stream.send({ audio: Buffer.from('two') });
  assert.notEqual(await stream.next(), undefined);
  stream.finish();
  assert.equal((await stream.outcome).code, 0);
  client.close();
  assert.equal(await engine.exit(stopTimeoutMs), 0, engine.output);
}

async function writeConfig(folder: string): Promise<{ readonly caPem: string }> {
  const certificate = await testCertificate('localhost');
  const config = join(folder, 'config');
  mkdirSync(config);
  writeFileSync(join(config, 'hosts'), '127.0.0.1 localhost\n10.1.2.3 voice-assistant\n');
  writeFileSync(join(config, 'server.crt'), certificate.certPem);
  writeFileSync(join(config, 'server.key'), certificate.keyPem);
  const tls = { certificates: [{ cert: 'server.crt', key: 'server.key' }] };
  writeFileSync(
    join(config, 'config.yaml'),
    JSON.stringify({
      listeners: [{ name: 'public', address: 'unix:/run/framegate/framegate.sock', tls }],
      routes: [{ match: { path: '/*' }, upstream: 'voice' }],
      upstreams: { voice: { endpoints: ['unix:/run/framegate/voice.sock'] } },
    }),
  );
  return certificate;
}

async function checkProcess(pid: number, { user }: ImageSettings): Promise<void> {
  const status = await run(asRoot('cat', `/proc/${pid}/status`));
  const [userId, groupId] = user.split(':');
  assert.notEqual(userId, '0');
  assert.ok(status.includes(`\nUid:\t${fourTimes(userId)}\n`), status);
  assert.ok(status.includes(`\nGid:\t${fourTimes(groupId)}\n`), status);
  assert.match(status, /\nNSpid:\t.*\t1\n/, 'it is process 1');
  const mounts = await run(asRoot('cat', `/proc/${pid}/mountinfo`));
  const rootMount = mounts.split('\n').findLast((line) => line.split(' ')[4] === '/');
  assert.match(rootMount?.split(' ')[5] ?? '', /^ro\b/, 'its root cannot be written to');
}

/** Real, effective, saved and of the file system. */
function fourTimes(id: string): string {
  return Array.from({ length: 4 }, () => id).join('\t');
}

/** sudo, unshare and what they became stand in one line, down to the one that is process 1 of its own; it has workers. */
function processOne(pid: number): number {
  const inside = /\nNSpid:.*\t(\d+)\n/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (inside === '1') return pid;
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return child === undefined || child === '' ? pid : processOne(Number(child));
}
