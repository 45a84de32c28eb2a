// `npm run test:outages`: three Python grpcio servers of different speed, each on a machine of its own (a network namespace), are
// killed, set NOT_SERVING, stopped, restarted and cut off in turn, under calls at a fixed rate and long streams. No call of the route
// that retries may fail; of the others only those that had gone to the server that was lost.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { installDebianPackages, preparePackageIndexPython } from '../interop/interpreters.ts';
import { type End, Load } from './load.ts';
import { Machine } from './machine.ts';
import { OUTAGE_KINDS, type OutageKind } from './outage-kinds.ts';
import { KEEPALIVE_SECONDS, type ProxyProcess, startEnvoy, startFramegate } from './proxies.ts';

const usage = `Usage: node test/outages/run.ts [--minutes N] [--calls N] [--streams N] [--workers N] [--log FILE] [--envoy]

  --minutes N   how long (default: 5)
  --calls N     per second; half of them on a route that retries (default: 500)
  --streams N   that run all the while (default: 200)
  --workers N   of the proxy (default: 2)
  --log FILE    writes what the proxy has logged
  --envoy       tries Envoy instead, for comparison; nothing is asked of it
`;

/** Between two outages. */
const CALM_SECONDS = 10;
/** What the machine's own delays may add to what the proxy promises. */
const SLACK_MS = 3000;
const LAST_CALLS_WITHIN_MS = 70_000;
const MOST_SHOWN = 12;
const CANCELLED = '1';

interface Outage {
  readonly kind: OutageKind;
  readonly machine: Machine;
  readonly beganMs: number;
  endedMs: number;
}

function warn(text: string): void {
  console.log(`warning: ${text}`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '5' },
      calls: { type: 'string', default: '500' },
      streams: { type: 'string', default: '200' },
      workers: { type: 'string', default: '2' },
      log: { type: 'string' },
      envoy: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const [minutes, callsPerSecond, streams, workers] = [
    values.minutes,
    values.calls,
    values.streams,
    values.workers,
  ].map(Number);
  const python = preparePackageIndexPython(warn);
  installDebianPackages(['iproute2', 'iptables'], warn);
  const missing = 'missing' in python ? python.missing : Machine.missing;
  if ('missing' in python || missing !== undefined) {
    console.log(`this cannot be tried here: ${missing}`);
    return process.env['CI'] === 'true' ? 1 : 0;
  }
  const machines = [0, 5, 20].map(
    (delayMs, number) =>
      new Machine({ name: `server-${number}`, number, delayMs, python: python.executable }),
  );
  const folder = mkdtempSync(join(tmpdir(), 'framegate-outages-'));
  let proxy: ProxyProcess | undefined;
  try {
    await Promise.all(machines.map((machine) => machine.start()));
    const settings = { folder, workers, addresses: machines.map(({ address }) => address) };
    proxy = await (values.envoy ? startEnvoy(settings) : startFramegate(settings));
    const load = new Load({ port: proxy.port, callsPerSecond, streams });
    const outages = await takeTurns(machines, minutes);
    await load.stop(LAST_CALLS_WITHIN_MS);
    const found = judge(load, outages, proxy);
    const exitCode = await proxy.stop();
    if (exitCode !== 0) found.push(`the proxy ended with ${exitCode}`);
    const problems = values.envoy ? [] : found;
    if (values.log !== undefined)
      writeFileSync(
        values.log,
        proxy.lines.map(({ atMs, text, endpoint }) => `${seconds(atMs)} ${endpoint} ${text}\n`).join(''),
      );
    for (const problem of problems.slice(0, MOST_SHOWN)) console.log(`FAILED  ${problem}`);
    console.log(`${outages.length} outages, ${load.ends.length} calls: ${problems.length} problems`);
    return problems.length === 0 ? 0 : 1;
  } finally {
    proxy?.kill();
    for (const machine of machines) await machine.remove();
    rmSync(folder, { recursive: true });
  }
}

async function takeTurns(machines: readonly Machine[], minutes: number): Promise<readonly Outage[]> {
  const outages: Outage[] = [];
  const endMs = performance.now() + minutes * 60_000;
  for (let turn = 0; ; turn++) {
    await sleep(CALM_SECONDS * 1000);
    const kind = OUTAGE_KINDS[turn % OUTAGE_KINDS.length];
    if (performance.now() + (kind.seconds + CALM_SECONDS) * 1000 > endMs) break;
    const machine = machines[turn % machines.length];
    const outage = { kind, machine, beganMs: performance.now(), endedMs: Number.POSITIVE_INFINITY };
    outages.push(outage);
    kind.begin(machine);
    await sleep(kind.seconds * 1000);
    await kind.end(machine);
    outage.endedMs = performance.now();
    console.log(`${machine.name} was ${kind.name} for ${kind.seconds} s`);
  }
  return outages;
}

/** @returns what went wrong */
function judge(load: Load, outages: readonly Outage[], proxy: ProxyProcess): string[] {
  const problems: string[] = [];
  const failed = (kind: End['kind']) => load.ends.filter((end) => end.kind === kind && end.status !== '0');
  const count = (kind: End['kind']) => load.ends.filter((end) => end.kind === kind).length;
  for (const end of failed('retried')) problems.push(`a call of the route that retries: ${textOf(end)}`);
  for (const end of [...failed('plain'), ...failed('stream')]) {
    const outage = outages.find(({ beganMs, endedMs }) => end.endedMs >= beganMs && end.startedMs <= endedMs);
    if (outage === undefined) problems.push(`a ${end.kind} without an outage: ${textOf(end)}`);
    else if (end.startedMs > outage.beganMs + 2 * KEEPALIVE_SECONDS * 1000 + SLACK_MS)
      problems.push(`a ${end.kind} that began long after its server was ${outage.kind.name}: ${textOf(end)}`);
  }
  console.log(`route that retries: ${count('retried')} calls, ${failed('retried').length} failed`);
  console.log(`route that does not: ${count('plain')} calls, ${failed('plain').length} failed`);
  console.log(`streams: ${count('stream')} ended, ${failed('stream').length} by a failure`);
  for (const outage of outages) problems.push(...judgeOutage(outage, load, proxy));
  return problems;
}

function judgeOutage(outage: Outage, load: Load, proxy: ProxyProcess): string[] {
  const { kind, machine, beganMs, endedMs } = outage;
  // A call that ends a little later may still be one that the outage has lost.
  const during = load.ends.filter((end) => end.endedMs >= beganMs && end.endedMs <= endedMs + SLACK_MS);
  const lost = during.filter(({ status, kind: of }) => status !== '0' && of === 'plain');
  const ended = during.filter(({ status, kind: of }) => status !== '0' && of === 'stream');
  const lastLostMs = Math.max(0, ...lost.map(({ startedMs }) => startedMs - beganMs));
  const toldMs = Math.max(0, ...ended.map((end) => end.endedMs - beganMs));
  const back = load.ends.find((end) => end.server === machine.name && end.startedMs > endedMs);
  const lines = proxy.lines.filter(
    ({ atMs, text, endpoint }) =>
      endpoint === machine.address && atMs >= beganMs && kind.noticedBy.test(text),
  );
  console.log(
    [
      `${machine.name} ${kind.name}:`,
      `${lost.length} plain calls lost, the last of which began after ${seconds(lastLostMs)};`,
      `${ended.length} streams ended, the last after ${seconds(toldMs)};`,
      `used again ${back === undefined ? 'never' : `${seconds(back.startedMs - endedMs)} after its return`};`,
      `${JSON.stringify(lines[0]?.text ?? 'nothing')} was logged after ${seconds((lines[0]?.atMs ?? beganMs) - beganMs)}`,
    ].join(' '),
  );
  const problems: string[] = [];
  if (lines.length === 0) problems.push(`no line says that ${machine.name} was ${kind.name}`);
  if (back === undefined) problems.push(`${machine.name} was never used again after it was ${kind.name}`);
  // grpcio cancels by itself what reaches it when it has begun to stop.
  const ours = lost.filter(({ status }) => status !== CANCELLED);
  if (kind.isGraceful && ours.length > 0)
    problems.push(`${ours.length} calls were lost while ${machine.name} was ${kind.name}`);
  return problems;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function textOf({ status, message, startedMs, endedMs }: End): string {
  return `status ${status} after ${seconds(endedMs - startedMs)}: ${message}`;
}

process.exitCode = await main();
