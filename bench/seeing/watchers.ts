// A row of bench/seeing.ts: what a proxy under load costs more while it is watched, by `framegate tap` with a filter that leaves nothing and by
// a dashboard that reads the metrics and the blocked calls each second. One proxy process with a steady load; periods with and without
// watchers follow each other, so that what else happens on the machine meets all. Only the CPU time of the proxy counts.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuNanoseconds } from '../turns/schedule-time.ts';

const MOST_PERCENT = 3;
const PERIODS = Number(process.argv[2] ?? '25');
/** In each period with a dashboard, it looks once. */
const PERIOD_MS = 1000;
/** Before each period with or without a tap. V8 compiles again what changes with the tap, which whoever keeps it open pays once. */
const SETTLE_MS = 1500;
const CONNECTIONS = 4;
const STREAMS = 20;
const MESSAGE = Buffer.concat([Buffer.from([0, 0, 0, 0, 64]), Buffer.alloc(64)]);

let calls = 0;
const folder = mkdtempSync(join(tmpdir(), 'framegate-seeing-'));
const service = createServer((incoming, response) => {
  incoming.resume();
  incoming.on('end', () => {
    response.writeHead(200, { 'content-type': 'application/grpc' });
    response.write(MESSAGE);
    response.addTrailers({ 'grpc-status': '0' });
    response.end();
  });
}).listen(0, '127.0.0.1');
await once(service, 'listening');
const address = service.address();
const endpoint = `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;

const file = join(folder, 'config.yaml');
const sections = {
  workers: 1,
  listeners: [{ name: 'clear', address: '127.0.0.1:0' }],
  routes: [{ name: 'all', match: { path: '/*' }, upstream: 'voice' }],
  upstreams: { voice: { endpoints: [endpoint] } },
  admin: { address: '127.0.0.1:0' },
  log: { access: false },
};
writeFileSync(file, JSON.stringify(sections));
const main = join(import.meta.dirname, '../../src/main.ts');
const proxy = spawn(process.execPath, [main, 'serve', '-c', file], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const ports = new Map<string, number>();
for await (const line of createInterface(proxy.stdout)) {
  const {
    listener = 'admin',
    address: text = '',
    msg = '',
  }: Readonly<Record<string, string>> = JSON.parse(line);
  if (text !== '') ports.set(listener, Number(text.slice(text.lastIndexOf(':') + 1)));
  if (msg === 'framegate serves') break;
}
proxy.stdout.resume();

/** Calls one after the other, for ever. */
function callAgainAndAgain(session: ReturnType<typeof connect>): void {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/a.B/C',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => undefined);
  stream.resume();
  stream.on('close', () => {
    calls++;
    if (!session.destroyed) callAgainAndAgain(session);
  });
  stream.end(MESSAGE);
}

for (let connection = 0; connection < CONNECTIONS; connection++) {
  const session = connect(`http://127.0.0.1:${ports.get('clear')}`);
  session.on('error', () => undefined);
  for (let stream = 0; stream < STREAMS; stream++) callAgainAndAgain(session);
}

function ask(path: string) {
  const sent = request({ host: '127.0.0.1', port: ports.get('admin'), path, agent: false });
  sent.on('error', () => undefined);
  sent.on('response', (response) => {
    if (response.statusCode !== 200) throw new Error(`${path} was answered with ${response.statusCode}`);
    response.resume();
  });
  sent.end();
  return sent;
}

function look(): void {
  ask('/metrics');
  for (const by of ['client', 'service', 'framegate']) ask(`/api/exchanges?limit=1&blocked=${by}`);
}

/** @returns the CPU time of the proxy so far, in microseconds */
function cpuMicroseconds(): number {
  return cpuNanoseconds(proxy.pid ?? 0) / 1000;
}

interface Period {
  readonly cpuUs: number;
  readonly calls: number;
}

async function period(): Promise<Period> {
  const [cpuBefore, callsBefore] = [cpuMicroseconds(), calls];
  await sleep(PERIOD_MS);
  return { cpuUs: cpuMicroseconds() - cpuBefore, calls: calls - callsBefore };
}

function costOfCall(periods: readonly Period[]): number {
  return lowerQuartile(periods.map((one) => one.cpuUs / one.calls));
}

/** What else the machine does makes periods more expensive, and none cheaper: so one of the cheaper ones is near the truth. */
function lowerQuartile(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 4)];
}

await sleep(3 * PERIOD_MS);
const alone: Period[] = [];
const tapped: Period[] = [];
const lookedAt: Period[] = [];
for (let round = 0; round < PERIODS; round++) {
  await sleep(SETTLE_MS);
  alone.push(await period());
  const tap = ask('/api/events?method=/no.Such/Method');
  await sleep(SETTLE_MS);
  tapped.push(await period());
  tap.destroy();
  await sleep(SETTLE_MS);
  look();
  lookedAt.push(await period());
}
proxy.kill('SIGKILL');
rmSync(folder, { recursive: true, force: true });
const off = costOfCall(alone);
const tapPercent = (costOfCall(tapped) / off - 1) * 100;
/** A look costs the same whatever the number of calls. Each period has one, and lasts a second. */
const lookMs = lowerQuartile(lookedAt.map((one) => (one.cpuUs - one.calls * off) / 1000));
const lookPercent = (lookMs / PERIOD_MS) * 100;
const verdict = (percent: number): string => (percent <= MOST_PERCENT ? 'kept' : 'MISSED');
console.log(
  `a tap that leaves nothing: ${off.toFixed(2)} us of CPU per call alone, ${tapPercent.toFixed(1)} % more with it (lower quartiles of ${PERIODS} seconds; at most ${MOST_PERCENT} %): ${verdict(tapPercent)}`,
);
console.log(
  `a dashboard that looks each second: ${lookMs.toFixed(1)} ms for each look, ${lookPercent.toFixed(1)} % of a core (at most ${MOST_PERCENT} %): ${verdict(lookPercent)}`,
);
process.exit(Math.max(tapPercent, lookPercent) <= MOST_PERCENT ? 0 : 1);
