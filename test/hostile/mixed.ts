// `node test/hostile/mixed.ts`: a hundred honest clients, and beside them half of the time one client of each kind that would
// end, starve or slow their calls. None of the honest may fail, and their p99 may at most double: of what it is while the same
// clients attack another proxy on the same machine, as those take processor time wherever they are. Both take turns, in rounds.

import { type ChildProcess, fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ProxyChild } from '../soak/processes.ts';
import { attack, HOSTILE, ShortDeadlines } from './mixed-hostile.ts';
import { isHonestReport, KINDS, type Kind } from './mixed-report.ts';

const usage = `Usage: node test/hostile/mixed.ts [options]

  --minutes N        of traffic, half of it with the hostile clients, most of the rest with them at another proxy (default: 10)
  --only TEXT        of the hostile clients only those whose name has this in it
  --failures-only    do not compare p99, which needs a quiet machine: what CI does
`;

const WARM_UP_MS = 4000;
/** How often it says how far it is. */
const REPORT_MS = 30_000;
/** The median over the rounds. */
const MOST_RATIO = 2;
/** About; long enough for calls that are given up since they stall. */
const ROUND_MINUTES = 2;
/** Of a round: one part alone, three with the hostile clients elsewhere, four beside them. */
const SHARES = 8;

interface Tally {
  readonly durationsMs: Record<Kind, number[]>;
  readonly failures: string[];
}

/** All three follow each other closely: what else the machine does changes within minutes. */
interface Round {
  readonly alone: Tally;
  readonly elsewhere: Tally;
  readonly beside: Tally;
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
      { match: { path: '/lost.Service/*' }, upstream: 'lost' },
    ],
    upstreams: {
      grpc: { endpoints: [`localhost:${ports.grpc}`] },
      web: { endpoints: [`localhost:${ports.http1}`], protocol: 'http1' },
      lost: { endpoints: ['silent.test:1'] },
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

/** Services in a process of their own. */
class Services {
  readonly #process: ChildProcess;
  readonly #ports: ReturnType<typeof portsOf>;

  private constructor(child: ChildProcess, ports: ReturnType<typeof portsOf>) {
    this.#process = child;
    this.#ports = ports;
  }

  static async start(): Promise<Services> {
    const child = fork(join(import.meta.dirname, 'mixed-services.ts'), { stdio: 'inherit' });
    try {
      const [message]: unknown[] = await once(child, 'message');
      return new Services(child, portsOf(message));
    } catch (error) {
      child.disconnect();
      throw error;
    }
  }

  /** A proxy in front of them. */
  startProxy(configFile: string): Promise<ProxyChild> {
    writeFileSync(configFile, configText(this.#ports));
    const resolver = join(import.meta.dirname, 'silent-resolver.ts');
    return ProxyChild.start(configFile, ['--import', resolver]);
  }

  close(): void {
    this.#process.disconnect();
  }
}

/** @returns what is not as promised */
async function run(minutes: number, comparesP99: boolean, only: string): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-mixed-'));
  const honest = fork(join(import.meta.dirname, 'mixed-honest.ts'), { stdio: 'inherit' });
  const proxies: ProxyChild[] = [];
  const services = await Services.start();
  const nameServer = createSocket('udp4').bind(0, '127.0.0.1');
  try {
    await once(nameServer, 'listening');
    process.env['FRAMEGATE_TEST_NAME_SERVER'] = `127.0.0.1:${nameServer.address().port}`;
    // Both lead to the same services: what these do for the hostile clients slows the honest ones down in either case.
    for (const name of ['here', 'elsewhere'])
      proxies.push(await services.startProxy(join(folder, `${name}.yaml`)));
    const [proxy, elsewhere] = proxies;
    const { pid } = proxy;
    honest.send(proxy.port('clear'));
    await pause(WARM_UP_MS);
    const warmUp = newTally();
    await take(honest, warmUp);
    const short = new ShortDeadlines();
    const kinds = [...HOSTILE, short].filter(({ name }) => name.includes(only));
    if (kinds.length === 0) throw new Error(`no hostile client is named ${only}`);

    const spend = async (what: string, milliseconds: number, tally: Tally): Promise<void> => {
      const endMs = performance.now() + milliseconds;
      for (let leftMs = milliseconds; leftMs > 0 && !proxy.hasExited; leftMs = endMs - performance.now()) {
        await pause(Math.min(leftMs, REPORT_MS));
        const now = newTally();
        await take(honest, now);
        for (const kind of KINDS) tally.durationsMs[kind].push(...now.durationsMs[kind]);
        tally.failures.push(...now.failures);
        const p99 = quantile(Object.values(now.durationsMs).flat(), 0.99).toFixed(1);
        console.log(`${what}: p99 ${p99} ms, ${now.failures.length} failures`);
      }
    };
    const attackOn = async (
      at: ProxyChild,
      what: string,
      milliseconds: number,
      tally: Tally,
    ): Promise<void> => {
      let isOn = true;
      const attacking = attack({ port: at.port('clear'), isOn: () => isOn && !at.hasExited }, kinds);
      await spend(what, milliseconds, tally);
      isOn = false;
      await attacking;
      // What they leave behind is theirs as well.
      await spend(what, 1000, tally);
    };

    const rounds: Round[] = [];
    const failures: string[] = [];
    const count = Math.max(1, Math.round(minutes / ROUND_MINUTES));
    const share = (minutes * 60_000) / count / SHARES;
    for (let index = 0; index < count && !proxy.hasExited; index++) {
      const round = { alone: newTally(), elsewhere: newTally(), beside: newTally() };
      rounds.push(round);
      await spend('alone', share, round.alone);
      await attackOn(elsewhere, 'with them elsewhere', 3 * share, round.elsewhere);
      // Of who fails only because of what happened there nothing is known here.
      short.failures.length = 0;
      await attackOn(proxy, 'beside them', 4 * share, round.beside);
      failures.push(...short.failures);
    }
    return judge({ warmUp, rounds }, failures, comparesP99, proxy, pid);
  } finally {
    for (const child of proxies) child.kill();
    services.close();
    nameServer.close();
    honest.disconnect();
    rmSync(folder, { recursive: true, force: true });
  }
}

function judge(
  { warmUp, rounds }: { readonly warmUp: Tally; readonly rounds: readonly Round[] },
  short: readonly string[],
  comparesP99: boolean,
  proxy: ProxyChild,
  pid: number,
): readonly string[] {
  const tallies = {
    alone: joined(rounds.map(({ alone }) => alone)),
    elsewhere: joined(rounds.map(({ elsewhere }) => elsewhere)),
    beside: joined(rounds.map(({ beside }) => beside)),
  };
  const problems: string[] = [];
  if (proxy.hasExited || proxy.pid !== pid) problems.push('the process has ended');
  for (const [name, { failures }] of Object.entries({ warmUp, ...tallies })) {
    if (failures.length > 0)
      problems.push(
        `${failures.length} honest calls failed (${name}), among them ${failures.slice(0, 5).join('; ')}`,
      );
  }
  if (warmUp.durationsMs.unary.length === 0) problems.push('the honest clients made no call');
  problems.push(...new Set(short));
  for (const kind of [...KINDS, undefined]) {
    const told = (share: number): string =>
      Object.values(tallies)
        .map((tally) => quantile(durationsOf(tally, kind), share).toFixed(1))
        .join(', ');
    const ratios = rounds.map(
      ({ beside, elsewhere }) =>
        quantile(durationsOf(beside, kind), 0.99) / quantile(durationsOf(elsewhere, kind), 0.99),
    );
    const ratio = quantile(ratios, 0.5);
    const answers = durationsOf(tallies.beside, kind).length;
    console.log(
      `${(kind ?? 'all').padEnd(10)} ms alone, with them elsewhere, beside them: p50 ${told(0.5)}; p99 ${told(0.99)} ` +
        `(of elsewhere ${ratios.map((one) => one.toFixed(2)).join(', ')}); ${answers} answers beside them`,
    );
    if (answers === 0) problems.push(`no answer of kind ${kind ?? 'all'} beside the hostile clients`);
    if (kind === undefined && comparesP99 && !(ratio <= MOST_RATIO))
      problems.push(`the p99 of the honest has grown ${ratio.toFixed(2)} times`);
  }
  return problems;
}

/** Of all kinds where none is given. */
function durationsOf({ durationsMs }: Tally, kind: Kind | undefined): readonly number[] {
  return kind === undefined ? Object.values(durationsMs).flat() : durationsMs[kind];
}

function joined(parts: readonly Tally[]): Tally {
  const all = newTally();
  for (const { durationsMs, failures } of parts) {
    for (const kind of KINDS) all.durationsMs[kind].push(...durationsMs[kind]);
    all.failures.push(...failures);
  }
  return all;
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    only: { type: 'string', default: '' },
    'failures-only': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(usage);
else {
  const problems = await run(Number(values.minutes), !values['failures-only'], values.only);
  for (const problem of problems) console.log(`\nFAILED ${problem}`);
  if (problems.length === 0) console.log('none of the honest clients failed');
  process.exitCode = problems.length === 0 ? 0 : 1;
}
