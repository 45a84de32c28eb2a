// `node test/hostile/mixed.ts`: a hundred honest clients, and beside them, in turns, one client of each kind that would end,
// starve or slow their calls. None of the honest may fail, and their p99 may at most double.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ProxyChild } from '../soak/processes.ts';
import { attack, HOSTILE, ShortDeadlines } from './mixed-hostile.ts';
import { isHonestReport, KINDS, type Kind } from './mixed-report.ts';

const usage = `Usage: node test/hostile/mixed.ts [options]

  --minutes N        of traffic, half of it with the hostile clients (default: 10)
  --failures-only    do not compare p99, which needs a quiet machine: what CI does
`;

/** Quiet and hostile by turns, so that what else the machine does falls on both. */
const TURN_MS = 15_000;
const WARM_UP_MS = 4000;
const MOST_RATIO = 2;

interface Tally {
  readonly durationsMs: Record<Kind, number[]>;
  readonly failures: string[];
}

function newTally(): Tally {
  return { durationsMs: { unary: [], stream: [], http1: [], websocket: [] }, failures: [] };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

async function take(honest: ChildProcess, tally: Tally | undefined): Promise<void> {
  honest.send('report');
  const [report]: unknown[] = await once(honest, 'message');
  if (!isHonestReport(report)) throw new Error('the honest clients report something else');
  for (const kind of KINDS) tally?.durationsMs[kind].push(...report.durationsMs[kind]);
  tally?.failures.push(...report.failures);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function configText(ports: { readonly grpc: number; readonly http1: number }): string {
  return JSON.stringify({
    listeners: [{ name: 'clear', address: '127.0.0.1:0' }],
    routes: [
      { match: { path: '/mixed.Service/*' }, upstream: 'grpc' },
      { match: { path: '/web/*' }, upstream: 'web' },
    ],
    upstreams: {
      grpc: { endpoints: [`127.0.0.1:${ports.grpc}`] },
      web: { endpoints: [`127.0.0.1:${ports.http1}`], protocol: 'http1' },
    },
    workers: 1,
    log: { access: false },
    admin: 'off',
  });
}

function portsOf(message: unknown): { readonly grpc: number; readonly http1: number } {
  if (typeof message !== 'object' || message === null || !('grpc' in message) || !('http1' in message))
    throw new Error('the services did not start');
  return { grpc: Number(message.grpc), http1: Number(message.http1) };
}

/** @returns what is not as promised */
async function run(minutes: number, comparesP99: boolean): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-mixed-'));
  const services = fork(join(import.meta.dirname, 'mixed-services.ts'), { stdio: 'inherit' });
  const honest = fork(join(import.meta.dirname, 'mixed-honest.ts'), { stdio: 'inherit' });
  let proxy: ProxyChild | undefined;
  try {
    const [message]: unknown[] = await once(services, 'message');
    writeFileSync(join(folder, 'config.yaml'), configText(portsOf(message)));
    proxy = await ProxyChild.start(join(folder, 'config.yaml'));
    const { pid } = proxy;
    const port = proxy.port('clear');
    honest.send(port);
    await pause(WARM_UP_MS);
    const warmUp = newTally();
    await take(honest, warmUp);
    const quiet = newTally();
    const hostile = newTally();
    const short = new ShortDeadlines();
    const turns = Math.max(1, Math.round((minutes * 60_000) / (2 * TURN_MS)));
    const turnMs = Math.min(TURN_MS, (minutes * 60_000) / 2);
    for (let turn = 1; turn <= turns && !proxy.hasExited; turn++) {
      await pause(turnMs);
      await take(honest, quiet);
      let isOn = true;
      const attacking = attack({ port, isOn: () => isOn && proxy?.hasExited === false }, [...HOSTILE, short]);
      await pause(turnMs);
      await take(honest, hostile);
      isOn = false;
      await attacking;
      // What they leave behind is theirs as well.
      await pause(1000);
      await take(honest, hostile);
      const p99 = [quiet, hostile].map((tally) =>
        quantile(Object.values(tally.durationsMs).flat(), 0.99).toFixed(1),
      );
      console.log(
        `turn ${turn} of ${turns}: p99 ${p99.join(' and ')} ms, ${hostile.failures.length} failures`,
      );
    }
    return judge({ warmUp, quiet, hostile }, short.failures, comparesP99, proxy, pid);
  } finally {
    proxy?.kill();
    services.disconnect();
    honest.disconnect();
    rmSync(folder, { recursive: true, force: true });
  }
}

function judge(
  tallies: { readonly warmUp: Tally; readonly quiet: Tally; readonly hostile: Tally },
  short: readonly string[],
  comparesP99: boolean,
  proxy: ProxyChild,
  pid: number,
): readonly string[] {
  const { warmUp, quiet, hostile } = tallies;
  const problems: string[] = [];
  if (proxy.hasExited || proxy.pid !== pid) problems.push('the process has ended');
  for (const [name, { failures }] of Object.entries(tallies)) {
    if (failures.length > 0)
      problems.push(
        `${failures.length} honest calls failed (${name}), among them ${failures.slice(0, 5).join('; ')}`,
      );
  }
  if (warmUp.durationsMs.unary.length === 0) problems.push('the honest clients made no call');
  problems.push(...new Set(short));
  for (const kind of [...KINDS, undefined]) {
    const of = ({ durationsMs }: Tally): readonly number[] =>
      kind === undefined ? Object.values(durationsMs).flat() : durationsMs[kind];
    const [before, during] = [quiet, hostile].map((tally) => quantile(of(tally), 0.99));
    const counts = `${of(quiet).length} and ${of(hostile).length} answers`;
    console.log(
      `${(kind ?? 'all').padEnd(10)} p99 ${before.toFixed(1)} ms alone, ${during.toFixed(1)} ms beside them (${(during / before).toFixed(2)}x), ` +
        `p50 ${quantile(of(quiet), 0.5).toFixed(1)} and ${quantile(of(hostile), 0.5).toFixed(1)} ms, ${counts}`,
    );
    if (of(hostile).length === 0)
      problems.push(`no answer of kind ${kind ?? 'all'} beside the hostile clients`);
    if (kind === undefined && comparesP99 && !(during <= MOST_RATIO * before))
      problems.push(`the p99 of the honest has grown ${(during / before).toFixed(2)} times`);
  }
  return problems;
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    'failures-only': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(usage);
else {
  const problems = await run(Number(values.minutes), !values['failures-only']);
  for (const problem of problems) console.log(`\nFAILED ${problem}`);
  if (problems.length === 0) console.log('none of the honest clients failed');
  process.exitCode = problems.length === 0 ? 0 : 1;
}
