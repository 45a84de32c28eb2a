// Measures what subscribers to GET /api/events cost a call: the CPU time of one proxy per unary call of 64 bytes, with and without each kind of
// subscriber, in turns. `node bench/tap.ts [--rounds N] [--check]`. With --check it measures only filters that leave nothing, and fails if one of
// them costs more than 3 %.

import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeCertificate } from './compare/certificate.ts';
import { buildFramegate, framegatePeer } from './compare/framegate-peer.ts';
import { measureJob, startEchoService } from './compare/load-process.ts';
import type { Peer } from './compare/peers.ts';
import { RunningPeer } from './compare/running-peer.ts';
import type { ClosedJob } from './load/job.ts';

const MOST_COST = 1.03;
/** Clock ticks are 10 ms, so this is accurate to about one percent. */
const RUN_CPU_MICROSECONDS = 800_000;
const WARM_UP_CALLS = 60_000;
const WARM_UPS = 4;
const PATH = '/bench.Echo/Say';

interface Variant {
  readonly name: string;
  /** The query of the subscriber, undefined for none. */
  readonly search: string | undefined;
  /** Whether its cost is bound, since it leaves nothing. */
  readonly leavesNothing: boolean;
}

const VARIANTS: readonly Variant[] = [
  { name: 'nobody', search: undefined, leavesNothing: false },
  { name: 'starts and ends of another route', search: 'kinds=start,end&route=none', leavesNothing: true },
  {
    name: 'messages of another method',
    search: 'kinds=message&messageBytes=4096&method=/none',
    leavesNothing: true,
  },
  { name: 'other metadata', search: 'kinds=start,end&metadata=x-tenant=none', leavesNothing: true },
  { name: 'ends, 1000/s', search: 'kinds=end', leavesNothing: false },
  { name: 'sizes of messages, 1000/s', search: 'kinds=message', leavesNothing: false },
  { name: 'bytes of messages, 1000/s', search: 'kinds=message&messageBytes=4096', leavesNothing: false },
];

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '15' }, check: { type: 'boolean', default: false } },
});
const variants = VARIANTS.filter(
  ({ search, leavesNothing }) => !values.check || leavesNothing || search === undefined,
);
const folder = mkdtempSync(join(tmpdir(), 'framegate-bench-tap-'));
const stops: (() => Promise<void>)[] = [];
try {
  process.exitCode = (await run(Number(values.rounds))) || !values.check ? 0 : 1;
} finally {
  for (const stop of stops.toReversed()) await stop();
  rmSync(folder, { recursive: true, force: true });
}

/** @returns whether all bounds hold */
async function run(rounds: number): Promise<boolean> {
  const certificate = await makeCertificate(folder);
  const echo = await startEchoService(folder);
  stops.push(() => echo.process.stop());
  const main = join(import.meta.dirname, '../src/main.ts');
  const peer = framegatePeer(buildFramegate(process.execPath, main));
  let adminPort = 0;
  const noting: Peer = {
    ...peer,
    prepare: (settings) => {
      ({ adminPort } = settings);
      return peer.prepare(settings);
    },
  };
  const proxy = await RunningPeer.start(noting, {
    folder,
    certificate,
    upstreamPort: echo.port,
    streamsPerConnection: 20,
    accessLog: true,
    workers: 1,
    protocol: 'grpc',
  });
  stops.push(() => proxy.stop());
  let microseconds = 10;
  for (let done = 0; done < WARM_UPS; done++) microseconds = await measure(proxy, WARM_UP_CALLS);
  const calls = Math.round(RUN_CPU_MICROSECONDS / microseconds);
  const costs = new Map(variants.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++)
    for (let turn = 0; turn < variants.length; turn++) {
      const { name, search } = variants[(round + turn) % variants.length];
      const leave = search === undefined ? undefined : await subscribe(adminPort, search);
      costs.get(name)?.push(await measure(proxy, calls));
      leave?.();
    }
  return report(costs);
}

/** @returns microseconds of the proxy per call */
async function measure(proxy: RunningPeer, calls: number): Promise<number> {
  const job: ClosedJob = {
    kind: 'closed',
    port: proxy.port,
    path: PATH,
    payloadBytes: 64,
    connections: 10,
    streamsPerConnection: 20,
    calls,
    changing: 'none',
  };
  const { report: made, cpuMicroseconds } = await measureJob(job, proxy, folder);
  if (made.problems.length > 0) throw new Error(made.problems.join('; '));
  return cpuMicroseconds / made.succeeded;
}

/** Resolves when the proxy has the subscriber. @returns what ends it */
async function subscribe(port: number, search: string): Promise<() => void> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sent = request({ host: '127.0.0.1', port, path: `/api/events?${search}`, agent: false }, resolve);
  sent.on('error', reject);
  sent.end();
  const response = await promise;
  if (response.statusCode !== 200) throw new Error(`the proxy answers ${response.statusCode} to ${search}`);
  response.on('error', () => undefined);
  response.resume();
  return () => sent.destroy();
}

function report(costs: ReadonlyMap<string, readonly number[]>): boolean {
  const nobody = lowerQuartile(costs.get('nobody') ?? []);
  let isFine = true;
  for (const { name, leavesNothing } of variants) {
    const cost = lowerQuartile(costs.get(name) ?? []);
    const ratio = cost / nobody;
    const isTooMuch = leavesNothing && ratio > MOST_COST;
    if (isTooMuch) isFine = false;
    const verdict = leavesNothing ? `at most ${MOST_COST}: ${isTooMuch ? 'TOO MUCH' : 'fine'}` : '';
    console.log(
      `${name.padEnd(34)} ${cost.toFixed(2).padStart(7)} µs/call  x ${ratio.toFixed(3)}  ${verdict}`.trimEnd(),
    );
  }
  return isFine;
}

/** Other programs on the machine can only make a run more expensive, so the cheaper runs say more. */
function lowerQuartile(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 4)];
}
