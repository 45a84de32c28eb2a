// `npm run interop:admin`: schemathesis reads the OpenAPI document of a running proxy and asks its admin server for everything in it, with
// valid and invalid input, while a call runs and a client was refused: once with the token and once without. Before that grpcdebug, built with Go,
// reads channelz and health. Exit code 1 where an answer is not as the document says, grpcdebug does not show what there is, or the proxy
// does not end well.

import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateCertificates } from '../../../certs/generate.ts';
import { startDemoService } from '../../../src/demo/demo-service.ts';
import { freePort } from '../../support/free-port.ts';
import { connectVoiceClient } from '../../support/voice-client.ts';
import { cacheFolder } from '../conformance/cache-folder.ts';
import { FramegateProcess } from '../framegate-process.ts';
import { askByGrpcDebug, prepareGrpcDebug } from './grpc-debug.ts';

const INSTALL_TIMEOUT_MS = 5 * 60_000;
const TOKEN = 'the-token-of-the-interop-suite';
const settings = join(import.meta.dirname, 'schemathesis.toml');

/** @returns the program, or why it cannot be had */
function prepareSchemathesis(): { readonly program: string } | string {
  const folder = join(cacheFolder, 'schemathesis');
  const program = join(folder, 'bin/schemathesis');
  if (existsSync(program) && run(program, ['--version']).status === 0) return { program };
  mkdirSync(cacheFolder, { recursive: true });
  const made = run('python3', ['-m', 'venv', '--clear', folder]);
  if (made.status !== 0) return `python3 -m venv failed: ${made.stderr}`;
  const installed = run(join(folder, 'bin/python'), ['-m', 'pip', 'install', '--quiet', 'schemathesis']);
  return installed.status === 0 ? { program } : `schemathesis could not be installed: ${installed.stderr}`;
}

function run(command: string, args: readonly string[]): SpawnSyncReturns<string> {
  const env = { ...process.env, PIP_DISABLE_PIP_VERSION_CHECK: '1' };
  return spawnSync(command, args, { encoding: 'utf8', timeout: INSTALL_TIMEOUT_MS, env });
}

interface ProxyParts {
  readonly certificates: { readonly certFile: string; readonly keyFile: string };
  readonly tokenFile: string;
  readonly adminPort: number;
  readonly service: string;
}

function configurationOf({ certificates, tokenFile, adminPort, service }: ProxyParts): string {
  return JSON.stringify({
    workers: 2,
    listeners: [
      {
        name: 'tls',
        address: '127.0.0.1:0',
        tls: { certificates: [{ cert: certificates.certFile, key: certificates.keyFile }] },
      },
      { name: 'plaintext', address: '127.0.0.1:0' },
    ],
    upstreams: {
      voice: { endpoints: [service, '127.0.0.1:1'], health: { type: 'tcp', interval: '200ms' } },
      named: { dns: { name: 'localhost', port: 1 } },
      set: { endpoints: 'api' },
    },
    routes: [
      { match: { path: '/*' }, upstream: 'voice' },
      { match: { path: '/named/*' }, upstream: 'named' },
      { match: { path: '/set/*' }, upstream: 'set' },
    ],
    admin: { address: `0.0.0.0:${adminPort}`, token: { file: tokenFile } },
    drain: { timeout: '1s' },
  });
}

interface Examination {
  readonly program: string;
  readonly adminPort: number;
  /** Where schemathesis may leave files. */
  readonly folder: string;
}

async function examine(
  { program, adminPort, folder }: Examination,
  args: readonly string[],
): Promise<boolean> {
  const url = `http://127.0.0.1:${adminPort}`;
  const document = join(import.meta.dirname, '../../../docs/openapi.yaml');
  // Draining would end the proxy, and a stream of events has no end.
  const left = [
    '--exclude-path',
    '/api/drain',
    '--exclude-path',
    '/api/events',
    '--exclude-path',
    '/api/dashboard',
  ];
  // What the command was given, for example `--seed 7`.
  const given = process.argv.slice(2);
  const common = ['--config-file', settings, 'run', document, '--url', url, ...left, ...given];
  const child = spawn(program, [...common, ...args], { cwd: folder, stdio: 'inherit' });
  await once(child, 'exit');
  return child.exitCode === 0;
}

async function main(folder: string): Promise<boolean> {
  const results = [await examineByGrpcDebug(folder), await examineBySchemathesis(folder)];
  return results.every(Boolean);
}

async function examineByGrpcDebug(folder: string): Promise<boolean> {
  const program = prepareGrpcDebug();
  if (program === undefined) return true;
  try {
    await askByGrpcDebug(program, folder, await generateCertificates(folder));
    return true;
  } catch (error) {
    console.log(`FAILED: grpcdebug: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

async function examineBySchemathesis(folder: string): Promise<boolean> {
  const prepared = prepareSchemathesis();
  if (typeof prepared === 'string') {
    console.log(`skipped: ${prepared}`);
    return process.env['CI'] !== 'true';
  }
  const [certificates, service, adminPort] = await Promise.all([
    generateCertificates(folder),
    startDemoService({ address: '127.0.0.1:0' }),
    freePort(),
  ]);
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, TOKEN);
  const configuration = configurationOf({ certificates, tokenFile, adminPort, service: service.address });
  const framegate = await FramegateProcess.launch(folder, configuration, () => undefined);
  const client = connectVoiceClient({ address: framegate.plaintextAddress });
  const call = client.streamAudio();
  connect(Number(framegate.tlsAddress.split(':').at(-1)), '127.0.0.1').end('GET / HTTP/1.1\r\n\r\n');
  const examination = { program: prepared.program, adminPort, folder };
  const withToken = await examine(examination, ['--header', `Authorization: Bearer ${TOKEN}`]);
  const without = await examine(examination, ['--max-examples', '5']);
  call.cancel();
  client.close();
  const problems = await framegate.stop();
  for (const problem of problems) console.log(`problem: ${problem}`);
  service.forceClose();
  return withToken && without && problems.length === 0;
}

const folder = mkdtempSync(join(tmpdir(), 'framegate-admin-'));
try {
  process.exitCode = (await main(folder)) ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
