// `npm run interop:load`: three servers of grpc-go, which report different loads by its orca package, and a whole Framegate with `weights: orca`
// at its defaults. Prints what share of the calls each gets, before and after the loads change (grpc-go reports every 30 s), without TLS
// and with it, and what becomes of a server without the service. Exit code 1 if a share is not what the load says.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { generateCertificates } from '../../certs/generate.ts';
import { eventually } from '../support/eventually.ts';
import { ReportingChild } from './child-process.ts';
import { cacheFolder } from './conformance/cache-folder.ts';
import { FramegateProcess } from './framegate-process.ts';

const CALLS = 400;
/** Shares may differ by this part of what they should be. */
const TOLERANCE = 0.1;
/** The blackout, a report of grpc-go, and time to spare. */
const PATIENCE_MS = 60_000;
const BUILD_TIMEOUT_MS = 600_000;
const source = join(import.meta.dirname, 'go/load-server');

interface Load {
  readonly rps: number;
  readonly utilization: number;
  readonly eps: number;
}

const FIRST: readonly Load[] = [
  { rps: 80, utilization: 0.8, eps: 0 },
  { rps: 80, utilization: 0.4, eps: 0 },
  { rps: 80, utilization: 0.16, eps: 0 },
];
/** The third has become as slow as the first, and half of what the second is asked for fails. */
const SECOND: readonly Load[] = [FIRST[0], { rps: 80, utilization: 0.3, eps: 40 }, FIRST[0]];

class Run {
  readonly #children: ReportingChild[] = [];
  readonly #program: string;

  constructor(program: string) {
    this.#program = program;
  }

  async startServer(args: readonly string[], load: Load | undefined): Promise<ReportingChild> {
    const child = new ReportingChild({ name: 'grpc-go server', command: this.#program, args });
    this.#children.push(child);
    await child.event('listening');
    if (load !== undefined) tell(child, load);
    return child;
  }

  launch(folder: string, configuration: object): Promise<FramegateProcess> {
    return FramegateProcess.launch(folder, JSON.stringify(configuration), (child) =>
      this.#children.push(child),
    );
  }

  async end(): Promise<void> {
    for (const child of this.#children) if (!child.hasEnded) child.signal('SIGKILL');
    await Promise.all(this.#children.map((child) => child.exit));
  }
}

function tell(server: ReportingChild, { rps, utilization, eps }: Load): void {
  server.command(`${rps} ${utilization} ${eps}`);
}

async function portOf(server: ReportingChild): Promise<number> {
  return Number((await server.event('listening'))['port']);
}

function weightOf({ rps, utilization, eps }: Load): number {
  return rps / (utilization + eps / rps);
}

function plain(bytes: Buffer): Buffer {
  return bytes;
}

/** Calls grpc.health.v1, which every server has. */
async function call(client: Client): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  client.makeUnaryRequest('/grpc.health.v1.Health/Check', plain, plain, Buffer.alloc(0), (error) => {
    if (error === null) resolve();
    else reject(error);
  });
  await promise;
}

async function countedBy(server: ReportingChild): Promise<number> {
  const before = server.reports.length;
  server.command('calls');
  const { calls } = await eventually('the server tells its calls', () =>
    server.reports.slice(before).find(({ event }) => event === 'calls'),
  );
  return Number(calls);
}

async function countCalls(client: Client, servers: readonly ReportingChild[]): Promise<readonly number[]> {
  for (const server of servers) await countedBy(server);
  for (let made = 0; made < CALLS; made++) await call(client);
  return Promise.all(servers.map(countedBy));
}

/** The weights in the processes that carry calls, and what they go by, as the admin server tells them. */
async function weightsAt(admin: string): Promise<readonly string[]> {
  const answer = await (await fetch(`http://${admin}/api/upstreams/voice/endpoints`)).text();
  return Array.from(
    answer.matchAll(/"weight":\s*([0-9.]+),\s*"from":\s*"(\w+)"/g),
    ([, weight, from]) => `${from} ${weight}`,
  );
}

async function wantWeights(admin: string, wanted: readonly string[]): Promise<void> {
  const beganMs = performance.now();
  let found: readonly string[] = [];
  await eventually(
    'the weights are those of the loads',
    async () => {
      found = await weightsAt(admin);
      return JSON.stringify(found) === JSON.stringify(wanted);
    },
    PATIENCE_MS,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${found.join(', ')} in place of ${wanted.join(', ')}`);
  });
  console.log(`    ${found.join(', ')} after ${((performance.now() - beganMs) / 1000).toFixed(1)} s`);
}

function describeLoads(loads: readonly Load[]): readonly string[] {
  const weights = loads.map(weightOf);
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
  return weights.map((weight) => `report ${Number((weight / mean).toPrecision(4))}`);
}

function judge(counts: readonly number[], weights: readonly number[]): boolean {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const fair = weights.map((weight) => (CALLS * weight) / sum);
  const isRight = counts.every(
    (count, index) => Math.abs(count - fair[index]) <= TOLERANCE * fair[index] + 1,
  );
  const wanted = fair.map((count) => count.toFixed(0)).join(' ');
  console.log(
    `    ${counts.join(' ')} of ${CALLS} calls; by the loads ${wanted}: ${isRight ? 'right' : 'WRONG'}`,
  );
  return isRight;
}

function configurationOf(ports: readonly number[], ca: string | undefined, workers: number): object {
  const certificates = [{ cert: certificate.certFile, key: certificate.keyFile }];
  return {
    workers,
    listeners: [
      { name: 'tls', address: '127.0.0.1:0', tls: { certificates } },
      { name: 'plaintext', address: '127.0.0.1:0' },
    ],
    routes: [{ match: { path: '/*' }, upstream: 'voice' }],
    upstreams: {
      voice: {
        endpoints: ports.map((port) => `127.0.0.1:${port}`),
        ...(ca === undefined ? {} : { protocol: 'h2', tls: { ca, serverName: 'localhost' } }),
        weights: 'orca',
      },
    },
    drain: { timeout: '1s' },
    admin: { address: '127.0.0.1:0' },
    log: { access: false },
  };
}

async function adminOf({ child }: FramegateProcess): Promise<string> {
  const { address } = await child.report('its admin server', ({ msg }) => msg === 'admin server listens');
  return String(address);
}

async function trial(program: string, isTls: boolean, workers: number): Promise<boolean> {
  console.log(`${isTls ? 'TLS' : 'no TLS'}, ${workers} process(es)`);
  const run = new Run(program);
  const args = isTls ? ['-cert', certificate.certFile, '-key', certificate.keyFile] : [];
  try {
    const servers = await Promise.all(FIRST.map((load) => run.startServer(args, load)));
    const without = await run.startServer([...args, '-without-reports'], undefined);
    const ports = await Promise.all([...servers, without].map(portOf));
    const ca = isTls ? certificate.caFile : undefined;
    const framegate = await run.launch(folder, configurationOf(ports, ca, workers));
    const admin = await adminOf(framegate);
    const client = new Client(framegate.plaintextAddress, credentials.createInsecure());
    const results: boolean[] = [];
    for (const loads of [FIRST, SECOND]) {
      for (const [index, load] of loads.entries()) tell(servers[index], load);
      await wantWeights(admin, [...describeLoads(loads), 'mean 1']);
      const weights = loads.map(weightOf);
      const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
      results.push(judge(await countCalls(client, [...servers, without]), [...weights, mean]));
    }
    client.close();
    const told = framegate.child.reports.filter(({ msg }) =>
      String(msg).startsWith('the load of the endpoint'),
    );
    for (const { msg } of told) console.log(`    ${String(msg)}`);
    const problems = await framegate.stop();
    for (const problem of problems) console.log(`    ${problem}`);
    return results.every(Boolean) && problems.length === 0 && told.length === 1;
  } finally {
    await run.end();
  }
}

/** The server, built once for each text of it. Undefined if there is no Go that can build it. */
function build(): string | undefined {
  const target = join(cacheFolder, 'go', 'load-server');
  mkdirSync(target, { recursive: true });
  const program = join(target, 'load-server');
  const built = spawnSync('go', ['build', '-o', program, '.'], {
    cwd: source,
    encoding: 'utf8',
    timeout: BUILD_TIMEOUT_MS,
  });
  if (built.status === 0 && existsSync(program)) return program;
  console.log(
    `skipped: go build failed: ${built.error?.message ?? built.stderr.trim().split('\n').at(-1) ?? ''}`,
  );
  return undefined;
}

const folder = mkdtempSync(join(tmpdir(), 'framegate-load-'));
const certificate = await generateCertificates(join(folder, 'certs'));
try {
  const program = build();
  if (program === undefined) process.exitCode = process.env['CI'] === 'true' ? 1 : 0;
  else {
    const results: boolean[] = [];
    for (const [isTls, workers] of [
      [false, 1],
      [true, 2],
    ] as const)
      results.push(await trial(program, isTls, workers));
    process.exitCode = results.every(Boolean) ? 0 : 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
