// npm run test:stores [-- [CASES] [--seconds N]]: limits that several processes share, counted by real servers of Redis. Prints what it had to
// skip. --seconds is how long the cases offer calls that measure a share (default: 12).

import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { generate } from 'selfsigned';
import type { LeaseAnswer, LeaseAsk } from '../../../src/config/lease-messages.ts';
import type { StoreConfig } from '../../../src/config/stores-config.ts';
import { forkCommand } from '../../../src/control/fork-command.ts';
import { StoreWatch } from '../../../src/control/store-watch.ts';
import { DiagnosisRing } from '../../../src/observability/diagnosis-ring.ts';
import { mostAdmitted } from '../../limits/lease-bound.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';
import { storeConfig } from '../../support/store-config.ts';
import { database } from './database.ts';
import type { HolderOrders, HolderReport } from './holder.ts';
import { foreignKey, lostNode } from './one-limit.ts';
import { ProxyFleet } from './proxies.ts';
import {
  findRedis,
  redisCli,
  startCluster,
  startRedis,
  stopRedis,
  temporaryFolder,
} from './redis-programs.ts';
import { rights } from './rights.ts';
import { streams } from './shared-streams.ts';

const TERMS = { store: 'fleet', limit: 'shared', ratePerSecond: 1000, burst: 1000 };
const HOLDERS = 3;
const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '12' } },
  allowPositionals: true,
});
const seconds = Number(values.seconds);

function storeAt(servers: StoreConfig['servers'], more: Partial<StoreConfig> = {}): StoreConfig {
  return storeConfig({ servers, ...more });
}

class Holder {
  readonly #child: ChildProcess;

  constructor(orders: HolderOrders) {
    this.#child = fork(join(import.meta.dirname, 'holder.ts'), [JSON.stringify(orders)]);
  }

  begin(): void {
    this.#child.send('begin');
  }

  async report(): Promise<HolderReport> {
    const { promise, resolve } = Promise.withResolvers<HolderReport>();
    this.#child.once('message', (message: HolderReport) => resolve(message));
    this.#child.send('report');
    return await promise;
  }

  async end(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#child.once('exit', () => resolve());
    this.#child.send('end');
    await promise;
  }
}

async function fleet(port: number, offered: number): Promise<readonly Holder[]> {
  const { ratePerSecond, burst } = TERMS;
  const orders = { store: storeAt([{ host: '127.0.0.1', port }]), ratePerSecond, burst, offered };
  const holders = Array.from({ length: HOLDERS }, () => new Holder(orders));
  await eventually(
    'all holders know of each other',
    () => everyone(holders, (one) => one.holders === HOLDERS),
    60_000,
  );
  return holders;
}

async function everyone(
  holders: readonly Holder[],
  holds: (report: HolderReport) => boolean,
): Promise<boolean> {
  const reports = await Promise.all(holders.map((holder) => holder.report()));
  return reports.every(holds);
}

interface Sum {
  readonly admitted: number;
  readonly durationMs: number;
  readonly longestWaitMs: number;
  readonly latestMs: number;
}

class Measurement {
  readonly #holders: readonly Holder[];
  readonly #startedAtMs = performance.now();

  constructor(holders: readonly Holder[]) {
    this.#holders = holders;
    for (const holder of holders) holder.begin();
  }

  async read(): Promise<Sum> {
    const reports = await Promise.all(this.#holders.map((holder) => holder.report()));
    return {
      admitted: reports.reduce((sum, { admitted }) => sum + admitted, 0),
      durationMs: performance.now() - this.#startedAtMs,
      longestWaitMs: Math.max(...reports.map((report) => report.longestWaitMs)),
      latestMs: Math.max(...reports.map((report) => report.latestMs)),
    };
  }
}

function say(what: string, { admitted, durationMs, longestWaitMs }: Sum, most: number): void {
  const figures = `${admitted} admitted in ${Math.round(durationMs)} ms, at most ${Math.floor(most)}`;
  console.log(`  ${what}: ${figures}; a call waited ${longestWaitMs.toFixed(1)} ms at most`);
}

/** A process that was not run in time waits longer by that. */
function checkWaits({ longestWaitMs, latestMs }: Sum): void {
  assert.ok(
    longestWaitMs <= 50 + latestMs + 25,
    `${longestWaitMs} ms, with a loop that was ${latestMs} ms late`,
  );
}

async function share(): Promise<void> {
  const port = await freePort();
  const redis = await startRedis(port);
  const holders = await fleet(port, 800);
  const measurement = new Measurement(holders);
  await wait(seconds * 1000);
  const sum = await measurement.read();
  const most = mostAdmitted(TERMS, HOLDERS, sum.durationMs);
  say('three processes', sum, most);
  assert.ok(sum.admitted <= most);
  assert.ok(sum.admitted >= sum.durationMs, 'less than the limit was admitted');
  checkWaits(sum);
  await Promise.all(holders.map((holder) => holder.end()));
  await stopRedis(redis);
}

/** Redis is killed under load, and comes back without its memory. */
async function kill(): Promise<void> {
  const port = await freePort();
  const first = await startRedis(port);
  const holders = await fleet(port, 800);
  const measurement = new Measurement(holders);
  await wait(3000);
  await stopRedis(first);
  await eventually('all have noticed', () => everyone(holders, ({ isUp }) => !isUp));
  await wait(4000);
  const during = await measurement.read();
  const second = await startRedis(port);
  await eventually('all have noticed', () => everyone(holders, ({ isUp }) => isUp), 30_000);
  await wait(4000);
  const sum = await measurement.read();
  // One burst more for the memory that was lost, and one for the outage.
  const most = mostAdmitted(TERMS, HOLDERS, sum.durationMs) + 2 * TERMS.burst;
  say('without Redis', during, mostAdmitted(TERMS, HOLDERS, during.durationMs) + TERMS.burst);
  say('with Redis again', sum, most);
  assert.ok(during.admitted <= mostAdmitted(TERMS, HOLDERS, during.durationMs) + TERMS.burst);
  assert.ok(sum.admitted <= most);
  assert.ok(sum.admitted >= 0.9 * sum.durationMs, 'much less than the limit was admitted');
  checkWaits(sum);
  await Promise.all(holders.map((holder) => holder.end()));
  await stopRedis(second);
}

type Take = (ask: Pick<LeaseAsk, 'keys' | 'owed' | 'wanted'> & Partial<LeaseAsk>) => Promise<LeaseAnswer>;

/** Runs with a process that takes leases of the store. */
async function takeFrom(store: StoreConfig, run: (take: Take) => Promise<void> = takeOnce): Promise<void> {
  let isUp = false;
  const lines: string[] = [];
  const log = (fields: object, message: string): void => {
    lines.push(`${message} ${JSON.stringify(fields)}`);
  };
  const watch = new StoreWatch({
    publish: (state) => {
      isUp = state.isUp;
    },
    logger: { info: log, warn: log, error: log },
    diagnoses: new DiagnosisRing(),
    carriers: () => 1,
    fork: () => forkCommand('take-leases'),
  });
  const change = await watch.prepare([store]);
  await change.commit();
  try {
    await eventually('the store answers', () => isUp, 30_000);
    await run(async (ask) => {
      const { promise, resolve } = Promise.withResolvers<LeaseAnswer>();
      watch.ask({ ...TERMS, number: 1, least: ask.keys.map(() => 0), ...ask }, resolve);
      return await promise;
    });
  } catch (error) {
    throw new Error(lines.join('\n'), { cause: error });
  } finally {
    await watch.close();
  }
}

async function takeOnce(take: Take): Promise<void> {
  const { leases } = await take({ keys: ['a', 'b', 'c'], owed: [0, 1, 2], wanted: [5, 6, 7] });
  assert.deepEqual(leases, { granted: [5, 6, 7], waitMs: [0, 0, 0], room: [995, 993, 991] });
}

/** Under another rate as many tokens are spent as before, and not those of as much time. */
async function raise(): Promise<void> {
  const port = await freePort();
  const redis = await startRedis(port);
  await takeFrom(storeAt([{ host: '127.0.0.1', port }]), async (take) => {
    const hourly = { ratePerSecond: 10 / 3600, burst: 10, keys: ['a'] };
    const first = await take({ ...hourly, owed: [0], wanted: [10] });
    assert.deepEqual(first.leases?.granted, [10]);
    assert.ok((first.leases?.waitMs[0] ?? 0) > 350_000);
    const second = await take({ ratePerSecond: 1, burst: 10, keys: ['a'], owed: [0], wanted: [10] });
    assert.deepEqual(second.leases?.granted, [0]);
    const [waitMs] = second.leases?.waitMs ?? [];
    assert.ok(waitMs !== undefined && waitMs >= 0 && waitMs <= 1000, `${waitMs} ms`);
    const third = await take({ ...hourly, owed: [0], wanted: [1] });
    assert.deepEqual([third.leases?.granted, third.leases?.room], [[0], [0]]);
  });
  await stopRedis(redis);
}

/** What a process has announced is used up whether the store has let it go back or not, and is not added to what is used up. */
async function announced(): Promise<void> {
  const port = await freePort();
  const redis = await startRedis(port);
  await takeFrom(storeAt([{ host: '127.0.0.1', port }]), async (take) => {
    const hourly = { ratePerSecond: 10 / 3600, burst: 10, keys: ['a'], owed: [0] };
    const first = await take({ ...hourly, least: [6], wanted: [1] });
    assert.deepEqual([first.leases?.granted, first.leases?.room], [[1], [3]]);
    const second = await take({ ...hourly, owed: [2], least: [6], wanted: [9] });
    assert.deepEqual([second.leases?.granted, second.leases?.room], [[1], [0]]);
    const beyond = await take({ ...hourly, least: [20], wanted: [1] });
    assert.deepEqual([beyond.leases?.granted, beyond.leases?.room], [[0], [0]]);
  });
  await stopRedis(redis);
}

async function cluster(): Promise<void> {
  const nodes = await startCluster();
  await takeFrom(
    storeAt(
      nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
      { kind: 'cluster' },
    ),
  );
  await Promise.all(nodes.map((node) => stopRedis(node.process)));
}

async function sentinel(): Promise<void> {
  const [port, sentinelPort] = [await freePort(), await freePort()];
  const redis = await startRedis(port);
  const file = join(temporaryFolder(), 'sentinel.conf');
  writeFileSync(file, `sentinel monitor voice 127.0.0.1 ${port} 1\n`);
  await eventually('the server answers', () => redisCli('-p', `${port}`, 'ping') !== undefined);
  const watcher = await startRedis(sentinelPort, ['--sentinel'], file);
  const servers = [{ host: '127.0.0.1', port: sentinelPort }];
  await takeFrom(storeAt(servers, { kind: 'sentinel', master: 'voice' }));
  await Promise.all([redis, watcher].map(stopRedis));
}

async function tls(): Promise<void> {
  const folder = temporaryFolder();
  const made = await generate([{ name: 'commonName', value: 'redis' }], {
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
    keySize: 2048,
  });
  const [cert, key, secret] = ['redis.crt', 'redis.key', 'password'].map((name) => join(folder, name));
  writeFileSync(cert, made.cert);
  writeFileSync(key, made.private);
  writeFileSync(secret, 'hunter2 with spaces\n');
  const port = await freePort();
  const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-auth-clients', 'no'];
  const listening = ['--tls-port', String(port), ...files];
  const redis = await startRedis(0, [...listening, '--requirepass', 'hunter2 with spaces']);
  const servers = [{ host: '127.0.0.1', port }];
  const password = { kind: 'file', file: secret } as const;
  await takeFrom(storeAt(servers, { tls: { ca: cert }, password, database: 3 }));
  await stopRedis(redis);
}

/** Whole proxies, whose workers take leases by one process each. */
async function proxies(): Promise<void> {
  const port = await freePort();
  const redis = await startRedis(port);
  const [count, workers] = [3, 2];
  const { ratePerSecond, burst } = TERMS;
  const folder = temporaryFolder();
  const machines = await ProxyFleet.start({
    folder,
    redisPort: port,
    ratePerSecond,
    burst,
    proxies: count,
    workers,
  });
  const { admitted, refused, others, durationMs } = await machines.offer(800, seconds);
  machines.close();
  await stopRedis(redis);
  const most = mostAdmitted(TERMS, count * workers, durationMs);
  const figures = `${admitted} admitted in ${Math.round(durationMs)} ms, at most ${Math.floor(most)}`;
  console.log(`  ${count} proxies with ${workers} workers each: ${figures}; ${refused} refused`);
  assert.deepEqual([...others], []);
  assert.ok(admitted <= most);
  assert.ok(refused > 0);
}

const CASES = {
  share,
  kill,
  raise,
  announced,
  cluster,
  sentinel,
  tls,
  database,
  lostNode,
  foreignKey,
  rights,
  proxies,
  streams,
};

async function main(): Promise<void> {
  const missing = findRedis();
  if (missing !== undefined) {
    console.log(`skipped: ${missing}`);
    if (process.env['CI'] === 'true') process.exitCode = 1;
    return;
  }
  for (const [name, run] of Object.entries(CASES)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    const startedAtMs = performance.now();
    await run();
    console.log(`ok ${name} (${Math.round(performance.now() - startedAtMs)} ms)`);
  }
}

await main();
// Servers that a failed case has left are ended by the handler of this event.
process.exit();
