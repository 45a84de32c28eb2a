// `npm run test:rebalance`: 900 streams on two grpcio servers, each with a message a second. A third server joins by the admin API.
// With `rebalance` the streams are to be spread within 10 % of fair after its time, the oldest moved first and one by one, and the
// messages of the others as fast as before. Without it no stream is to end.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { preparePackageIndexPython } from '../interop/interpreters.ts';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { freePorts } from '../support/free-port.ts';
import { LongStreams, type StreamEnd } from './long-streams.ts';
import { ProxyProcess } from './proxies.ts';
import { seconds } from './result.ts';

const usage = `Usage: npm run test:rebalance -- [--streams N] [--over SECONDS] [--workers N]

  --streams N      on two servers, before the third joins (default: 900)
  --over SECONDS   the value of rebalance (default: 60)
  --workers N      of the proxy (default: 1)
`;

const MAIN_FILE = join(import.meta.dirname, '../../src/main.ts');
const SERVERS = 3;
const CALM_SECONDS = 15;
/** By which a server may be off the fair number of streams. */
const MOST_OFF = 0.1;
/** The p99 of messages may be so many times what it was, as the servers and the load share this machine. */
const MOST_SLOWER = 2;
/** How much earlier than its turn a stream may end: the moments are spread by chance. */
const MOST_EARLY = 0.1;
const UNAVAILABLE = '14';

interface Settings {
  readonly streams: number;
  readonly overSeconds: number;
  readonly workers: number;
  readonly addresses: readonly string[];
}

async function startServer(python: string, address: string, name: string): Promise<ChildProcess> {
  const program = join(import.meta.dirname, 'server.py');
  const server = spawn(python, [program, '--address', address, '--name', name], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let isListening = false;
  createInterface({ input: server.stdout }).on('line', () => {
    isListening = true;
  });
  await eventually(`${name} listens`, () => isListening, START_TIMEOUT_MS);
  return server;
}

async function setEndpoints(admin: number, addresses: readonly string[]): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${admin}/api/upstreams/voice/endpoints`, {
    method: 'PUT',
    body: JSON.stringify({ endpoints: addresses, ttl: 'off' }),
  });
  if (!answer.ok) throw new Error(`PUT was answered with ${answer.status}: ${await answer.text()}`);
}

async function tryOut(rebalance: string, settings: Settings): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-rebalance-'));
  const first = await freePorts(2);
  const admin = first + 1;
  const { addresses, streams, workers } = settings;
  const file = join(folder, 'config.yaml');
  const configuration = {
    workers,
    listeners: [{ name: 'clear', address: `127.0.0.1:${first}` }],
    routes: [{ match: { path: '/*' }, upstream: 'voice' }],
    upstreams: { voice: { endpoints: 'api', balance: 'least-requests', streams: { rebalance } } },
    log: { access: false },
    admin: { address: `127.0.0.1:${admin}` },
  };
  writeFileSync(file, JSON.stringify(configuration));
  const proxy = await ProxyProcess.start({
    command: process.execPath,
    args: [MAIN_FILE, 'serve', '-c', file],
    port: first,
  });
  const load = new LongStreams(first);
  try {
    await setEndpoints(admin, addresses.slice(0, 2));
    await load.open(streams);
    return await judge(rebalance, load, settings, async () => setEndpoints(admin, addresses));
  } finally {
    load.close();
    await proxy.stop();
    proxy.kill();
    rmSync(folder, { recursive: true });
  }
}

/** @returns what went wrong */
async function judge(
  rebalance: string,
  load: LongStreams,
  { streams, overSeconds }: Settings,
  addThird: () => Promise<void>,
): Promise<readonly string[]> {
  await sleep(CALM_SECONDS * 1000);
  const before = load.takeDelays();
  await addThird();
  const joinedMs = performance.now();
  await sleep((rebalance === 'off' ? CALM_SECONDS : overSeconds) * 1000);
  const during = load.takeDelays();
  await eventually('all streams are open', () => load.openCount === streams);
  const slower = p99(during) / p99(before);
  const counts = load.countByServer();
  console.log(`rebalance: ${rebalance}`);
  console.log(`  streams by server: ${JSON.stringify(counts)}; ${load.ends.length} ended`);
  console.log(
    `  p99 of messages: ${p99(before).toFixed(1)} ms before, ${p99(during).toFixed(1)} ms while streams moved (${slower.toFixed(2)} times)`,
  );
  if (rebalance === 'off') return load.ends.length === 0 ? [] : [`${load.ends.length} streams have ended`];
  const problems = [...judgeSpread(counts, streams), ...judgeEnds(load.ends, joinedMs, overSeconds)];
  if (slower > MOST_SLOWER) problems.push(`messages took ${slower.toFixed(2)} times as long`);
  return problems;
}

function judgeSpread(counts: Readonly<Record<string, number>>, streams: number): readonly string[] {
  const fair = streams / SERVERS;
  const off = Object.entries(counts).map(([name, count]) => [name, count / fair - 1] as const);
  console.log(`  off fair by: ${off.map(([name, by]) => `${name} ${(by * 100).toFixed(1)} %`).join(', ')}`);
  const problems = off
    .filter(([, by]) => Math.abs(by) > MOST_OFF)
    .map(([name]) => `${name} is off the fair number`);
  if (off.length < SERVERS) problems.push('a server has no streams');
  return problems;
}

/** Each end has to have its turn: with its status, not long before its moment, and the oldest first. */
function judgeEnds(ends: readonly StreamEnd[], joinedMs: number, overSeconds: number): readonly string[] {
  const others = ends.filter(({ status }) => status !== UNAVAILABLE);
  const overMs = overSeconds * 1000;
  const earliest = ends.map(({ endedMs }, index) => (endedMs - joinedMs) / overMs - index / ends.length);
  const early = earliest.filter((by) => by < -MOST_EARLY).length;
  const sinceMs = ends.map(({ endedMs }) => endedMs - joinedMs);
  console.log(
    `  ended by the status ${UNAVAILABLE}: ${ends.length - others.length}, the first after ${seconds(Math.min(...sinceMs))}, the last after ${seconds(Math.max(...sinceMs))}; ${early} before their turn; twice: ${ends.filter(({ startedMs }) => startedMs > joinedMs).length}`,
  );
  console.log(`  the client was told: ${JSON.stringify(ends[0]?.message ?? '')}`);
  return [
    ...others.map(({ status, message }) => `a stream ended by ${status}: ${message}`),
    ...(early > 0 ? [`${early} streams ended before their turn`] : []),
  ];
}

function p99(delaysMs: readonly number[]): number {
  const sorted = delaysMs.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      streams: { type: 'string', default: '900' },
      over: { type: 'string', default: '60' },
      workers: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const python = preparePackageIndexPython((text) => console.log(`warning: ${text}`));
  if ('missing' in python) {
    console.log(`this cannot be tried here: ${python.missing}`);
    return process.env['CI'] === 'true' ? 1 : 0;
  }
  const [streams, overSeconds, workers] = [values.streams, values.over, values.workers].map(Number);
  const port = await freePorts(SERVERS);
  const addresses = Array.from({ length: SERVERS }, (_, index) => `127.0.0.1:${port + index}`);
  const servers = await Promise.all(
    addresses.map(async (address, index) => startServer(python.executable, address, `server-${index}`)),
  );
  try {
    const settings = { streams, overSeconds, workers, addresses };
    const problems = [...(await tryOut(`${overSeconds}s`, settings)), ...(await tryOut('off', settings))];
    for (const problem of problems.slice(0, 10)) console.log(`FAILED  ${problem}`);
    return problems.length === 0 ? 0 : 1;
  } finally {
    for (const server of servers) server.kill('SIGKILL');
  }
}

process.exitCode = await main();
