// `npm run interop:limits`: Envoy's own rate limit service in Go, with a real Redis, behind a whole Framegate of two workers: calls within
// and over its limits, its header fields, and calls while Redis and the service are stopped. Exit code 1 if a call gets another answer than
// the service gave. The first run builds the service with Go (under a minute).

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { generateCertificates } from '../../certs/generate.ts';
import { startDemoService } from '../../src/demo/demo-service.ts';
import { findRedis, redisCli, startRedis, stopRedis } from '../stores/real/redis-programs.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import type { ReportingChild } from './child-process.ts';
import { FramegateProcess } from './framegate-process.ts';
import { goProgram } from './go-program.ts';
import { callWith } from './metadata-call.ts';

const PACKAGE = 'github.com/envoyproxy/ratelimit/src/service_cmd@v1.4.1-0.20260122083618-3fb702589d36';
const RESOURCE_EXHAUSTED = 8;
const UNAVAILABLE = 14;

/** A year, so that no run meets the end of a period. */
const RULES = `domain: voice
descriptors:
  - key: tenant
    rate_limit: { unit: year, requests_per_unit: 3 }
    descriptors:
      - key: method
        value: /grpc.health.v1.Health/Check
        rate_limit: { unit: year, requests_per_unit: 1 }
`;

function asking(descriptor: object, failure: 'open' | 'closed'): object {
  return { service: 'limiter', domain: 'voice', descriptors: [descriptor], timeout: '2s', failure };
}

/** @param way the value of a header field by which calls choose the route */
function routeFor(way: string, limit: object): object {
  return {
    name: way,
    match: { path: '/*', headers: { 'x-way': way } },
    upstream: 'voice',
    limits: [limit],
  };
}

class Run {
  readonly #program: string;
  readonly #folder: string;
  readonly #ends: (() => unknown)[] = [];
  #service: ChildProcess | undefined = undefined;

  constructor(program: string, folder: string) {
    this.#program = program;
    this.#folder = folder;
    const rules = join(folder, 'ratelimit', 'config');
    mkdirSync(rules, { recursive: true });
    writeFileSync(join(rules, 'voice.yaml'), RULES);
  }

  async startService(grpcPort: number, redisPort: number): Promise<void> {
    const env = {
      ...process.env,
      REDIS_SOCKET_TYPE: 'tcp',
      REDIS_URL: `127.0.0.1:${redisPort}`,
      USE_STATSD: 'false',
      LOG_LEVEL: 'error',
      RUNTIME_ROOT: this.#folder,
      RUNTIME_SUBDIRECTORY: 'ratelimit',
      RUNTIME_WATCH_ROOT: 'false',
      LIMIT_RESPONSE_HEADERS_ENABLED: 'true',
      HOST: '127.0.0.1',
      PORT: String(await freePort()),
      DEBUG_HOST: '127.0.0.1',
      DEBUG_PORT: String(await freePort()),
      GRPC_HOST: '127.0.0.1',
      GRPC_PORT: String(grpcPort),
    };
    this.#service = spawn(this.#program, [], { env, stdio: 'ignore' });
  }

  async stopService(): Promise<void> {
    const service = this.#service;
    if (service === undefined || service.exitCode !== null || service.signalCode !== null) return;
    const ended = new Promise((resolve) => service.once('exit', resolve));
    service.kill('SIGKILL');
    await ended;
  }

  async launch(grpcPort: number): Promise<FramegateProcess> {
    const demo = await startDemoService({ address: '127.0.0.1:0' });
    this.#ends.push(() => demo.forceClose());
    const certificate = await generateCertificates(join(this.#folder, 'certs'));
    const certificates = [{ cert: certificate.certFile, key: certificate.keyFile }];
    const tenant = 'header:x-tenant';
    const configuration = {
      listeners: [
        { name: 'tls', address: '127.0.0.1:0', tls: { certificates } },
        { name: 'plaintext', address: '127.0.0.1:0' },
      ],
      routes: [
        routeFor('open', asking({ tenant }, 'open')),
        routeFor('closed', asking({ tenant }, 'closed')),
        routeFor('method', asking({ tenant, method: 'method' }, 'closed')),
      ],
      upstreams: {
        voice: { endpoints: [demo.address] },
        limiter: { endpoints: [`127.0.0.1:${grpcPort}`] },
      },
      workers: 2,
      drain: { timeout: '1s' },
      admin: 'off',
    };
    return FramegateProcess.launch(this.#folder, JSON.stringify(configuration), (child: ReportingChild) =>
      this.#ends.push(() => child.hasEnded || child.signal('SIGKILL')),
    );
  }

  async end(): Promise<void> {
    await this.stopService();
    for (const end of this.#ends) end();
  }
}

interface Connection {
  /** @param way chooses the route */
  readonly call: (way: string, tenant?: string) => ReturnType<typeof callWith>;
  readonly close: () => void;
}

function connect(address: string): Connection {
  // Connections of their own, so that both workers have calls.
  const clients = Array.from({ length: 4 }, () => {
    const options = { 'grpc.use_local_subchannel_pool': 1 };
    return new Client(address, credentials.createInsecure(), options);
  });
  let turn = 0;
  return {
    call: (way, tenant) =>
      callWith(clients[turn++ % clients.length] ?? assert.fail(), {
        'x-way': way,
        ...(tenant === undefined ? {} : { 'x-tenant': tenant }),
      }),
    close: () => {
      for (const client of clients) client.close();
    },
  };
}

async function countCalls({ call }: Connection): Promise<void> {
  const answers = await Promise.all(Array.from({ length: 20 }, () => call('closed', 'blue')));
  const codes = answers.map(({ code }) => code);
  assert.equal(codes.filter((code) => code === 0).length, 3, codes.join(' '));
  assert.equal(codes.filter((code) => code === RESOURCE_EXHAUSTED).length, 17, codes.join(' '));
  const refused = answers.find(({ code }) => code !== 0) ?? assert.fail();
  const [pushback] = refused.metadata.get('grpc-retry-pushback-ms');
  assert.match(
    refused.details,
    /^Too many calls \(3 each year may be made\); call again in \d+ \w+\. \(FG3040\)$/,
  );
  assert.ok(Number(pushback) > 0 && Number(pushback) < 2 ** 31, String(pushback));
  assert.deepEqual(refused.metadata.get('ratelimit-remaining'), ['0']);
  console.log(`  3 of 20 calls pass; the others: ${refused.code} "${refused.details}"`);
  const within = await call('closed', 'green');
  assert.equal(within.code, 0, within.details);
  assert.deepEqual(within.metadata.get('ratelimit-remaining'), ['2']);
  console.log('  another tenant is counted by itself, and learns what is left');
  assert.equal((await call('method', 'red')).code, 0);
  assert.equal((await call('method', 'red')).code, RESOURCE_EXHAUSTED);
  console.log('  a rule for a tenant and a method holds');
  for (let calls = 0; calls < 5; calls++) assert.equal((await call('closed')).code, 0);
  console.log('  calls without the header field are not counted');
}

/** @param why for the output */
async function goWithout({ call }: Connection, why: string): Promise<void> {
  const closed = await call('closed', 'blue');
  assert.equal(closed.code, UNAVAILABLE, closed.details);
  assert.equal((await call('open', 'blue')).code, 0);
  console.log(`  ${why}: calls pass, or get ${closed.code} "${closed.details}" with failure: closed`);
}

async function trial(program: string, folder: string): Promise<void> {
  const run = new Run(program, folder);
  const [grpcPort, redisPort] = [await freePort(), await freePort()];
  const redis = await startRedis(redisPort);
  try {
    await eventually('Redis answers', () => redisCli('-p', String(redisPort), 'ping') !== undefined);
    await run.startService(grpcPort, redisPort);
    const framegate = await run.launch(grpcPort);
    const connection = connect(framegate.plaintextAddress);
    await eventually(
      'the service answers',
      async () => (await connection.call('closed', 'nobody')).code !== UNAVAILABLE,
      30_000,
    );
    await countCalls(connection);
    await run.stopService();
    await goWithout(connection, 'the service is stopped');
    await run.startService(grpcPort, redisPort);
    await eventually(
      'the service answers again',
      async () => (await connection.call('closed', 'blue')).code === RESOURCE_EXHAUSTED,
      30_000,
    );
    console.log('  started again: the limit still holds');
    await stopRedis(redis);
    await goWithout(connection, 'Redis is stopped');
    connection.close();
    assert.deepEqual(await framegate.stop(), []);
  } finally {
    await run.end();
    await stopRedis(redis);
  }
}

const folder = mkdtempSync(join(tmpdir(), 'framegate-limits-'));
try {
  const program = goProgram('ratelimit', PACKAGE);
  const missing = program === undefined ? 'no service' : findRedis();
  if (program === undefined || missing !== undefined) {
    console.log(`skipped: ${missing}`);
    process.exitCode = process.env['CI'] === 'true' ? 1 : 0;
  } else {
    await trial(program, folder);
    console.log('every call got the answer of the service');
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
