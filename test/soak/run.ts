// `npm run soak`: Framegate as a real process under mixed load while the network and its services fail. Memory has to stay
// flat, descriptors have to come back, and every failure needs a fault that explains it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Random } from '../fuzz/random.ts';
import { testCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { injectFaults, type Wires } from './faults.ts';
import { Ledger } from './ledger.ts';
import { Load, webAnswer } from './load.ts';
import { descriptorCount, descriptors, MemoryTrend, residentBytes } from './memory.ts';
import { ProxyChild, ServiceChild } from './processes.ts';

const usage = `Usage: node test/soak/run.ts [--minutes M] [--seed N] [--pause MS]

  --minutes M   how long (default: 30); 30 and more measure memory strictly
  --seed N      of the order of faults (default: 1)
  --pause MS    between two calls of a client (default: 20)
`;

const SAMPLE_MS = 250;
/** Stretches of time whose lowest sample counts, in each of which garbage is collected twice. */
const LONGEST_STRETCH_MS = 30_000;
const FEWEST_STRETCHES = 3;
const PRINT_MS = 15_000;
/** Long enough for a straight line to mean something: twenty minutes of it. */
const STRICT_MINUTES = 30;
/**
 * What the process holds is flat after a minute. Its resident memory is not: the heap of the C library keeps the room that
 * its largest burst took, and the faults make larger ones for about ten minutes.
 */
const WARM_UP_MINUTES = 10;
const STRICT_MIB_PER_TEN_MINUTES = 1;
/** A short run sees the heap find its size: only a real leak grows faster than this. In a minute it is about 2 KiB for each call. */
const LOOSE_MIB_PER_TEN_MINUTES = 250;

async function startWebService(): Promise<Server> {
  const server = createServer((incoming, response) => {
    let length = 0;
    incoming.on('data', (piece: Buffer) => {
      length += piece.length;
    });
    incoming.on('end', () => {
      const id = (incoming.url ?? '').slice('/web/'.length);
      response.end(webAnswer(incoming.method ?? '', id, 'x'.repeat(length)));
    });
    incoming.on('error', () => undefined);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  return address === null || typeof address === 'string' ? 0 : address.port;
}

async function startProxy(
  folder: string,
  voice: FaultProxy,
  web: FaultProxy,
): Promise<{ proxy: ProxyChild; caPem: string }> {
  const { cert, key, caPem } = await testCertificate('localhost', '127.0.0.1');
  const file = join(folder, 'config.yaml');
  const trustedClients = ['127.0.0.1'];
  const config = {
    listeners: [
      { name: 'tls', address: '127.0.0.1:0', tls: { certificates: [{ cert, key }] }, trustedClients },
      { name: 'clear', address: '127.0.0.1:0', trustedClients },
    ],
    routes: [
      { name: 'voice', match: { path: '/voice.VoiceAssistant/*' }, upstream: 'voice' },
      { name: 'web', match: { path: '/web/*' }, upstream: 'web' },
    ],
    upstreams: {
      voice: { endpoints: [voice.address] },
      web: { endpoints: [web.address], protocol: 'http1' },
    },
    // The process whose memory is measured is the one that serves.
    workers: 1,
    admin: 'off',
  };
  writeFileSync(file, JSON.stringify(config));
  const collector = join(import.meta.dirname, 'collect-garbage.ts');
  return { proxy: await ProxyChild.start(file, ['--import', collector]), caPem };
}

interface Soak {
  readonly minutes: number;
  readonly seed: number;
  readonly pauseMs: number;
}

async function run({ minutes, seed, pauseMs }: Soak, folder: string): Promise<readonly string[]> {
  const serviceChild = new ServiceChild();
  await serviceChild.start();
  const webServer = await startWebService();
  const voice = await FaultProxy.start({ targetPort: serviceChild.port });
  const web = await FaultProxy.start({ targetPort: portOf(webServer) });
  const { proxy, caPem } = await startProxy(folder, voice, web);
  const client = await FaultProxy.start({ targetPort: proxy.port('tls') });
  const wires: Wires = { client, service: voice, web, serviceChild };
  const ledger = new Ledger();
  proxy.onRecord = (record) => ledger.logged(record);
  const descriptorsBefore = descriptorCount(proxy.pid);
  const load = new Load({
    ledger,
    clearPort: proxy.port('clear'),
    caPem,
    faultyTlsPort: client.port,
    pauseMs,
  });
  const startedMs = performance.now();
  const endMs = startedMs + minutes * 60_000;
  const warmMs = startedMs + Math.min(WARM_UP_MINUTES, minutes / 3) * 60_000;
  const stretchMs = Math.min(LONGEST_STRETCH_MS, (endMs - warmMs) / FEWEST_STRETCHES);
  const trend = new MemoryTrend();
  const sampling = setInterval(() => {
    if (!proxy.hasExited) trend.add(performance.now(), residentBytes(proxy.pid));
  }, SAMPLE_MS);
  const collecting = setInterval(() => proxy.collectGarbage(), stretchMs / 2.1);
  const printing = setInterval(() => {
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    console.log(
      `${seconds} s: ${ledger.total} calls, ${ledger.failed} failed, ${ledger.faultCount} faults, ` +
        `${ledger.unexplained.length} unexplained, RSS ${trend.lastMib.toFixed(1)} MiB, fds ${proxy.hasExited ? 0 : descriptorCount(proxy.pid)}`,
    );
  }, PRINT_MS);
  load.start();
  await injectFaults(wires, ledger, new Random(seed), endMs);
  await sleep(Math.max(0, endMs - performance.now()));
  await load.stop();
  clearInterval(sampling);
  clearInterval(collecting);
  clearInterval(printing);
  // Connections to services are kept for the next call: they end as the services do.
  client.close();
  serviceChild.kill();
  voice.close();
  web.close();
  webServer.close();
  webServer.closeAllConnections();
  const problems: string[] = [];
  await eventually(
    'descriptors are back',
    () => descriptorCount(proxy.pid) <= descriptorsBefore,
    30_000,
  ).catch(() => {
    problems.push(`descriptors: ${descriptorsBefore} before, now ${descriptors(proxy.pid).join(', ')}`);
  });
  const descriptorsAfter = descriptorCount(proxy.pid);
  const exitCode = await proxy.stop();
  if (exitCode !== 0) problems.push(`framegate ended with ${exitCode}`);
  await eventually('the log is read', () => ledger.uncompared === 0, 5000).catch(() => undefined);
  ledger.settle();
  problems.push(...ledger.unexplained, ...proxy.complaints);
  const growth = trend.mibPerTenMinutes(warmMs, stretchMs);
  const limit = minutes >= STRICT_MINUTES ? STRICT_MIB_PER_TEN_MINUTES : LOOSE_MIB_PER_TEN_MINUTES;
  if (growth > limit) problems.push(`memory grows by ${growth.toFixed(2)} MiB in 10 minutes, above ${limit}`);
  console.log(`\n${ledger.table()}\n`);
  console.log('| warnings in the log | count |\n|---|---|');
  for (const [what, count] of proxy.warnings) console.log(`| ${what} | ${count} |`);
  console.log('');
  console.log('| soak | |\n|---|---|');
  console.log(`| minutes | ${minutes} |`);
  console.log(`| calls | ${ledger.total}, of which ${ledger.failed} failed by ${ledger.faultCount} faults |`);
  console.log(`| failures that no fault explains | ${ledger.unexplained.length} |`);
  console.log(
    `| calls whose access record was compared with what the client saw | ${ledger.compared} of ${ledger.records} records |`,
  );
  console.log(
    `| resident memory | ${trend.lastMib.toFixed(1)} MiB at the end, ${trend.mostMib.toFixed(1)} MiB at most |`,
  );
  console.log(`| growth after warm-up | ${growth.toFixed(2)} MiB in 10 minutes (limit ${limit}) |`);
  console.log(`| descriptors | ${descriptorsBefore} before, ${descriptorsAfter} after |`);
  console.log(`| exit code | ${exitCode} |`);
  return problems;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '30' },
      seed: { type: 'string', default: '1' },
      pause: { type: 'string', default: '20' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), 'framegate-soak-'));
  try {
    const soak = {
      minutes: Number(values.minutes),
      seed: Number(values.seed),
      pauseMs: Number(values.pause),
    };
    const problems = await run(soak, folder);
    for (const problem of problems.slice(0, 50)) console.log(`PROBLEM ${problem}`);
    console.log(problems.length === 0 ? 'the soak found nothing' : `${problems.length} problems`);
    return problems.length === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exit(await main());
