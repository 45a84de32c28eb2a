// Set-ups for the matrix: a configuration like a healthy one with one thing broken, and what the doctor names first.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp1Server } from 'node:http';
import {
  createServer as createHttp2Server,
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import type { CheckReport } from '../../src/doctor/check.ts';
import { type DoctorOptions, examine } from '../../src/doctor/doctor.ts';
import { pageOf } from '../../src/doctor/finding.ts';
import { firstCause } from '../../src/doctor/report.ts';
import { parseTarget } from '../../src/doctor/target.ts';
import { testCertificate } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { startDemo } from '../support/proxy-under-test.ts';

export type Sections = Readonly<Record<string, unknown>>;

/** What the doctor has to name first. */
export interface Expected {
  readonly check: RegExp;
  readonly says: RegExp;
  /** The default is failed. */
  readonly verdict?: 'failed' | 'warning';
  readonly code?: string;
  /** What to do, where the text does not say it. */
  readonly remedy?: RegExp;
}

/** A configuration in which nothing is wrong, with the sections that are broken in it. */
export async function healthyConfig(endpoint: string, broken: Sections = {}): Promise<Sections> {
  return {
    workers: 1,
    listeners: [{ name: 'clear', address: `127.0.0.1:${await freePort()}` }],
    routes: [{ name: 'voice', match: { path: '/voice.VoiceAssistant/*' }, upstream: 'voice' }],
    upstreams: { voice: { endpoints: [endpoint] } },
    admin: 'off',
    ...broken,
  };
}

export function folderOf(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-patient-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

type Examination = Omit<Partial<DoctorOptions>, 'target'> & {
  readonly config?: Sections | string;
  readonly target?: string;
};

export async function diagnose(
  test: TestContext,
  { config, target, ...options }: Examination,
): Promise<readonly CheckReport[]> {
  let file: string | undefined;
  if (config !== undefined) {
    file = join(folderOf(test), 'config.yaml');
    writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config));
  }
  const parsed = target === undefined ? undefined : parseTarget(target);
  assert.ok(typeof parsed !== 'string', `no target: ${target}`);
  return examine({ file, only: [], processesFor: () => 1, target: parsed, ...options });
}

/** Examines a configuration that is healthy but for these sections. The demo service is behind it unless an endpoint is named. */
export async function diagnoseBroken(
  test: TestContext,
  broken: Sections | ((endpoint: string) => Sections | Promise<Sections>),
  options: Examination & { readonly endpoint?: string } = {},
): Promise<readonly CheckReport[]> {
  const { endpoint = (await startDemo(test)).address, ...rest } = options;
  const sections = typeof broken === 'function' ? await broken(endpoint) : broken;
  return diagnose(test, { config: await healthyConfig(endpoint, sections), ...rest });
}

export function assertFirst(reports: readonly CheckReport[], expected: Expected): void {
  const first = firstCause(reports);
  assert.ok(first !== undefined, 'nothing is named');
  const { report, finding } = first;
  const shown = JSON.stringify(
    reports.filter(({ verdict }) => verdict === 'warning' || verdict === 'failed'),
    undefined,
    1,
  );
  assert.match(report.id, expected.check, shown);
  assert.match(finding.text, expected.says, shown);
  assert.equal(finding.verdict, expected.verdict ?? 'failed', shown);
  assert.equal(pageOf(finding)?.code, expected.code, shown);
  if (expected.remedy !== undefined) assert.match(finding.remedy ?? '', expected.remedy, shown);
  // What is wrong is of no use without what to do, which may be a question in the sentence itself.
  assert.ok(finding.remedy !== undefined || /[?:;]/.test(finding.text), `no remedy: ${finding.text}`);
}

/** Listens on a free port of loopback. @returns host:port */
export async function listening(test: TestContext, server: Server): Promise<string> {
  const port = await freePort();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const open = new Set<{ destroy(): unknown }>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => open.delete(socket));
  });
  server.once('error', reject);
  server.listen(port, '127.0.0.1', resolve);
  await promise;
  test.after(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return `127.0.0.1:${port}`;
}

export function startSocketPeer(test: TestContext, onSocket: (socket: Socket) => void): Promise<string> {
  return listening(test, createServer(onSocket));
}

/** A web server without HTTP/2. */
export function startHttp1(test: TestContext): Promise<string> {
  return listening(
    test,
    createHttp1Server((_request, response) => response.end('a page')),
  );
}

/** A TLS server with the certificate, which chooses among these protocols and answers nothing. */
export async function startTls(
  test: TestContext,
  alpn: readonly string[],
  ...names: readonly string[]
): Promise<{ readonly address: string; readonly ca: string; readonly caPem: string }> {
  const { certPem, keyPem, ca, caPem } = await testCertificate(...names);
  const server = createTlsServer({ cert: certPem, key: keyPem, ALPNProtocols: [...alpn] }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  });
  server.on('tlsClientError', () => undefined);
  return { address: await listening(test, server), ca, caPem };
}

export type Answer = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** What answers HTTP/2 in place of a service or as another proxy would, in plaintext or over TLS. */
export async function startHttp2(test: TestContext, answer: Answer, isTls = false): Promise<string> {
  const { certPem, keyPem } = await testCertificate('localhost', '127.0.0.1');
  const server = isTls ? createSecureServer({ cert: certPem, key: keyPem }) : createHttp2Server();
  server.on('sessionError', () => undefined);
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => undefined);
    answer(stream, headers);
  });
  return listening(test, server);
}

export function answerUnimplemented(stream: ServerHttp2Stream): void {
  stream.respond(
    { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12', 'grpc-message': 'unknown' },
    { endStream: true },
  );
}
