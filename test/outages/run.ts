// `npm run test:outages`: three Python grpcio servers of different speed, each on a machine of its own (a network namespace), are
// killed, set NOT_SERVING, stopped, restarted and cut off in turn, under calls at a fixed rate and long streams. No call of the route
// that retries may fail; of the others only those that had gone to the server that was lost.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { installDebianPackages, preparePackageIndexPython } from '../interop/interpreters.ts';
import { linesOf } from '../oracle/comparison.ts';
import { queuedDeadline, retries } from '../oracle/scenarios/retries.ts';
import { type End, Load } from './load.ts';
import { Machine } from './machine.ts';
import { OUTAGE_KINDS, type OutageKind } from './outage-kinds.ts';
import { KEEPALIVE_SECONDS, type ProxyProcess, startEnvoy, startFramegate } from './proxies.ts';
import { lineOf, type Outage, type OutageResult, resultOf, SLACK_MS, seconds, tableOf } from './result.ts';

const usage = `Usage: node test/outages/run.ts [--minutes N] [--calls N] [--streams N] [--workers N] [--log FILE] [--envoy]

  --minutes N   how long (default: 5); 2.3 is enough for each kind of outage once
  --calls N     per second; half of them on a route that retries (default: 500)
  --streams N   that run all the while (default: 200)
  --workers N   of the proxy (default: 2)
  --log FILE    writes what the proxy has logged
  --envoy       then tries Envoy in the same way, for as long, and retries and deadlines with both; prints a table of both.
                Nothing is asked of Envoy
`;

/** Between two outages. */
const CALM_SECONDS = 10;
const LAST_CALLS_WITHIN_MS = 70_000;
const MOST_SHOWN = 12;
const CANCELLED = '1';

interface Trial {
  readonly minutes: number;
  readonly callsPerSecond: number;
  readonly streams: number;
  readonly workers: number;
  readonly python: string;
  readonly log: string | undefined;
}

interface Tried {
  readonly results: readonly OutageResult[];
  readonly problems: readonly string[];
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
  const { log } = values;
  const trial: Trial = { minutes, callsPerSecond, streams, workers, log, python: python.executable };
  const { results, problems } = await tryOut(startFramegate, trial);
  for (const problem of problems.slice(0, MOST_SHOWN)) console.log(`FAILED  ${problem}`);
  console.log(`${results.length} outages: ${problems.length} problems`);
  if (values.envoy) {
    console.log('\nEnvoy:');
    const envoy = await tryOut(startEnvoy, { ...trial, log: log === undefined ? undefined : `${log}.envoy` });
    console.log(`\n${tableOf(results, envoy.results).join('\n')}\n`);
    console.log(linesOf([...(await retries()), ...(await queuedDeadline())]).join('\n'));
  }
  return problems.length === 0 ? 0 : 1;
}

async function tryOut(start: typeof startFramegate, trial: Trial): Promise<Tried> {
  const { minutes, callsPerSecond, streams, workers, python, log } = trial;
  const machines = [0, 5, 20].map(
    (delayMs, number) => new Machine({ name: `server-${number}`, number, delayMs, python }),
  );
  const folder = mkdtempSync(join(tmpdir(), 'framegate-outages-'));
  let proxy: ProxyProcess | undefined;
  try {
    await Promise.all(machines.map((machine) => machine.start()));
    const started = await start({ folder, workers, addresses: machines.map(({ address }) => address) });
    proxy = started;
    const load = new Load({ port: started.port, callsPerSecond, streams });
    const outages = await takeTurns(machines, minutes);
    await load.stop(LAST_CALLS_WITHIN_MS);
    const results = outages.map((outage) => resultOf(outage, load, started));
    const problems = judge(load, outages);
    for (const result of results) {
      console.log(lineOf(result));
      problems.push(...judgeOutage(result));
    }
    const exitCode = await started.stop();
    if (exitCode !== 0) problems.push(`the proxy ended with ${exitCode}`);
    if (log !== undefined)
      writeFileSync(
        log,
        started.lines.map(({ atMs, text, endpoint }) => `${seconds(atMs)} ${endpoint} ${text}\n`).join(''),
      );
    return { results, problems };
  } finally {
    proxy?.kill();
    for (const machine of machines) await machine.remove();
    rmSync(folder, { recursive: true });
  }
}

/** @returns the kinds of outages that there is time for. The same for each proxy, however slow the machine is */
function planFor(minutes: number): readonly OutageKind[] {
  const plan: OutageKind[] = [];
  let leftSeconds = minutes * 60;
  for (let turn = 0; ; turn++) {
    const kind = OUTAGE_KINDS[turn % OUTAGE_KINDS.length];
    leftSeconds -= CALM_SECONDS + kind.seconds;
    if (leftSeconds < CALM_SECONDS) return plan;
    plan.push(kind);
  }
}

async function takeTurns(machines: readonly Machine[], minutes: number): Promise<readonly Outage[]> {
  const outages: Outage[] = [];
  for (const [turn, kind] of planFor(minutes).entries()) {
    await sleep(CALM_SECONDS * 1000);
    const machine = machines[turn % machines.length];
    const outage = { kind, machine, beganMs: performance.now(), endedMs: Number.POSITIVE_INFINITY };
    outages.push(outage);
    kind.begin(machine);
    await sleep(kind.seconds * 1000);
    await kind.end(machine);
    outage.endedMs = performance.now();
    console.log(`${machine.name} was ${kind.name} for ${kind.seconds} s`);
  }
  await sleep(CALM_SECONDS * 1000);
  return outages;
}

/** @returns what went wrong */
function judge(load: Load, outages: readonly Outage[]): string[] {
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
  return problems;
}

function judgeOutage({ outage, lost, back, lines }: OutageResult): string[] {
  const { kind, machine } = outage;
  const problems: string[] = [];
  if (lines.length === 0) problems.push(`no line says that ${machine.name} was ${kind.name}`);
  if (back === undefined) problems.push(`${machine.name} was never used again after it was ${kind.name}`);
  // grpcio cancels by itself what reaches it when it has begun to stop.
  const ours = lost.filter(({ status }) => status !== CANCELLED);
  if (kind.isGraceful && ours.length > 0)
    problems.push(`${ours.length} calls were lost while ${machine.name} was ${kind.name}`);
  return problems;
}

function textOf({ status, message, startedMs, endedMs }: End): string {
  return `status ${status} after ${seconds(endedMs - startedMs)}: ${message}`;
}

process.exitCode = await main();
