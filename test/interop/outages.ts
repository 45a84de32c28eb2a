// `npm run interop:outages`: real grpcio servers behind a whole Framegate, one of which is told to stop, killed, or stopped by SIGSTOP under
// calls. Prints for each outage when the last call went to that server, what became of the calls, and when it got calls again.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { generateCertificates } from '../../certs/generate.ts';
import { connectVoiceClient, type TestVoiceClient } from '../support/voice-client.ts';
import { ReportingChild } from './child-process.ts';
import { FramegateProcess } from './framegate-process.ts';
import { preparePackageIndexPython } from './interpreters.ts';

const SERVERS = 3;
const CALL_EVERY_MS = 5;
const CALL_TIMEOUT_MS = 1500;
const program = join(import.meta.dirname, 'python/health_server.py');

interface Outage {
  readonly name: string;
  readonly begin: (server: ReportingChild) => void;
  /** How long the server is away. */
  readonly lastsMs: number;
  readonly end: (
    server: ReportingChild,
    start: (port: number) => Promise<ReportingChild>,
    port: number,
  ) => Promise<void>;
}

const OUTAGES: readonly Outage[] = [
  {
    name: 'NOT_SERVING',
    begin: (server) => server.command('NOT_SERVING'),
    lastsMs: 3000,
    end: async (server) => server.command('SERVING'),
  },
  {
    name: 'SIGSTOP',
    begin: (server) => server.signal('SIGSTOP'),
    lastsMs: 12_000,
    end: async (server) => server.signal('SIGCONT'),
  },
  {
    name: 'killed, and started again',
    begin: (server) => server.signal('SIGKILL'),
    lastsMs: 5000,
    end: async (_server, start, port) => {
      await start(port);
    },
  },
];

interface Call {
  readonly beganMs: number;
  readonly servedBy: string;
  readonly isOk: boolean;
}

/** Calls at a steady rate, whatever becomes of them. */
class Caller {
  readonly calls: Call[] = [];
  readonly #client: TestVoiceClient;
  readonly #timer: NodeJS.Timeout;

  constructor(address: string) {
    this.#client = connectVoiceClient({ address });
    this.#timer = setInterval(() => void this.#call(), CALL_EVERY_MS);
  }

  async #call(): Promise<void> {
    const beganMs = performance.now();
    const { code, reply } = await this.#client.say({ text: 'a call' }, { deadlineMs: CALL_TIMEOUT_MS });
    this.calls.push({ beganMs, servedBy: reply?.servedBy ?? '', isOk: code === 0 });
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await sleep(CALL_TIMEOUT_MS + 500);
    this.#client.close();
  }
}

function configurationOf(ports: readonly number[], workers: number, upstream: object): string {
  return JSON.stringify({
    workers,
    listeners: [
      {
        name: 'tls',
        address: '127.0.0.1:0',
        tls: { certificates: [{ cert: CERT.certFile, key: CERT.keyFile }] },
      },
      { name: 'plaintext', address: '127.0.0.1:0' },
    ],
    routes: [{ match: { path: '/*' }, upstream: 'voice' }],
    upstreams: { voice: { endpoints: ports.map((port) => `127.0.0.1:${port}`), ...upstream } },
    drain: { timeout: '1s' },
    log: { access: false },
    admin: 'off',
  });
}

const folder = mkdtempSync(join(tmpdir(), 'framegate-outages-'));
const CERT = await generateCertificates(join(folder, 'certs'));
const python = preparePackageIndexPython((text) => console.log(`warning: ${text}`));
if ('missing' in python) {
  console.log(`skipped: ${python.missing}`);
  process.exit(0);
}
const { executable, version } = python;
const children: ReportingChild[] = [];

async function startServer(port = 0): Promise<ReportingChild> {
  const args = ['-u', program, '--port', String(port)];
  const child = new ReportingChild({ name: 'grpcio server', command: executable, args });
  children.push(child);
  await child.event('listening');
  return child;
}

async function run(workers: number, upstream: object, outage: Outage): Promise<void> {
  const servers = await Promise.all(Array.from({ length: SERVERS }, () => startServer()));
  const ports = await Promise.all(
    servers.map(async (server) => Number((await server.event('listening'))['port'])),
  );
  const text = configurationOf(ports, workers, upstream);
  const framegate = await FramegateProcess.launch(folder, text, (child) => children.push(child));
  const caller = new Caller(framegate.plaintextAddress);
  await sleep(2500);
  const [server] = servers;
  const [port] = ports;
  const isOfServer = ({ servedBy, isOk }: Call) => !isOk || servedBy === `127.0.0.1:${port}`;
  const beganMs = performance.now();
  outage.begin(server);
  await sleep(outage.lastsMs);
  const endedMs = performance.now();
  await outage.end(server, startServer, port);
  await sleep(6000);
  await caller.stop();
  const during = caller.calls.filter((call) => call.beganMs >= beganMs && call.beganMs < endedMs);
  const last = Math.max(beganMs, ...during.filter(isOfServer).map((call) => call.beganMs)) - beganMs;
  const after = caller.calls.filter((call) => call.beganMs >= endedMs);
  const back =
    Math.min(...after.filter((call) => call.isOk && isOfServer(call)).map((call) => call.beganMs)) - endedMs;
  const failed = [...during, ...after].filter(({ isOk }) => !isOk).length;
  console.log(
    `${workers} process(es), ${JSON.stringify(upstream)}, ${outage.name}: calls until ${Math.round(last)} ms, ` +
      `${failed} of ${during.length + after.length} failed, calls again ${Math.round(back)} ms after its return`,
  );
  for (const { msg, token, level, method } of framegate.child.reports)
    if (/^the endpoint gets|^the health/.test(String(msg)))
      console.log(`    ${JSON.stringify({ level, token, method, msg })}`);
  for (const problem of await framegate.stop()) console.log(`    ${problem}`);
  for (const child of children.splice(0)) if (!child.hasEnded) child.signal('SIGKILL');
}

console.log(`grpcio ${version}, ${SERVERS} servers, a call every ${CALL_EVERY_MS} ms`);
const only = process.argv[2] ?? '';
try {
  for (const workers of [1, 2])
    for (const outage of OUTAGES)
      if (`${workers} ${outage.name}`.includes(only))
        await run(workers, { health: { interval: '1s', timeout: '1s' } }, outage);
} finally {
  for (const child of children) if (!child.hasEnded) child.signal('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
