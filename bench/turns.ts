// Measures small differences: npm run bench:turns -- [SUBJECT ...] [--rounds N] [--calls N] [--copies N] [--cpu-prof DIR] [--framegate main.js]
// All contenders of a subject run at the same time, each several times, and are loaded in turns of a fifth of a second over connections that
// stay open. What the machine does otherwise meets all of them alike, so that differences of a tenth of a microsecond show.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { NODE_FLAGS } from '../src/workers/node-flags.ts';
import { findRedis, startRedis, stopRedis } from '../test/stores/real/redis-programs.ts';
import { freePort } from '../test/support/free-port.ts';
import { type CertificateFiles, makeCertificate } from './compare/certificate.ts';
import { tokenFor } from './compare/issued-token.ts';
import { startEchoService } from './compare/load-process.ts';
import { median } from './compare/measurement.ts';
import { SpanSink } from './compare/span-sink.ts';
import { StartedProcess } from './compare/started-process.ts';
import { findFreePort, waitUntilAccepting } from './compare/tcp-port.ts';
import { CallSeries } from './turns/call-series.ts';
import { type Contender, SUBJECTS, type Subject } from './turns/contenders.ts';
import { cpuNanoseconds } from './turns/schedule-time.ts';
import { turnOrder } from './turns/turn-order.ts';
import { wholeNumber } from './turns/whole-number.ts';

const WARM_UP_ROUNDS = 12;
const PATH = '/bench.Echo/Say';
/** How long the proxies may still work after the last turn. */
const AFTERMATH_MS = 1_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '100' },
    calls: { type: 'string', default: '20000' },
    copies: { type: 'string', default: '2' },
    'cpu-prof': { type: 'string' },
    framegate: { type: 'string', default: join(import.meta.dirname, '../src/main.ts') },
  },
});
const [rounds, callsOfTurn, copies] = readNumbers();

/** Ends the program if one is no number that can be measured with. */
function readNumbers(): readonly number[] {
  try {
    return (['rounds', 'calls', 'copies'] as const).map((option) => wholeNumber(option, values[option]));
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

function refuse(why: string): never {
  console.error(why);
  process.exit(2);
}

/** One process of a contender. */
interface Runner {
  readonly contender: Contender;
  readonly process: StartedProcess;
  readonly series: CallSeries;
  readonly leave: () => void;
  /** The CPU time at the start of each turn, and at the end of all. Index 0 is the process that carries calls, 1 its children. */
  readonly marks: [first: number, children: number][];
}

interface Setting {
  readonly folder: string;
  readonly certificate: CertificateFiles;
  readonly upstreamPort: number;
  readonly subject: Subject;
  readonly authorization: string;
}

/** @returns arguments with which the process writes what it has spent its time on, if that is wanted */
function profiling(contender: Contender, copy: number): readonly string[] {
  const folder = values['cpu-prof'];
  if (folder === undefined) return [];
  return [
    '--cpu-prof',
    `--cpu-prof-dir=${resolve(folder)}`,
    `--cpu-prof-name=${folderName(contender, copy)}.cpuprofile`,
  ];
}

function folderName(contender: Contender, copy: number): string {
  return `${contender.name.replaceAll(/[^a-z0-9]+/g, '-')}-${copy}`;
}

async function start(contender: Contender, copy: number, setting: Setting): Promise<Runner> {
  const { folder, certificate, upstreamPort, subject } = setting;
  const own = join(folder, folderName(contender, copy));
  mkdirSync(own);
  const [port, adminPort] = [await findFreePort(), await findFreePort()];
  const { certificateFile: cert, keyFile: key } = certificate;
  const file = join(own, 'framegate.yaml');
  writeFileSync(
    file,
    [
      `listeners: [{ name: public, address: "127.0.0.1:${port}", tls: { certificates: [{ cert: "${cert}", key: "${key}" }] } }]`,
      `routes:\n  - name: everything\n    match: { path: /* }\n    upstream: service\n${contender.route ?? ''}`,
      `upstreams: { service: { protocol: h2c, endpoints: ["127.0.0.1:${upstreamPort}"] } }`,
      `admin: { address: "127.0.0.1:${adminPort}" }`,
      'log: { level: info, access: true }\nworkers: 1',
      contender.sections ?? '',
    ].join('\n'),
  );
  const started = new StartedProcess({
    name: 'framegate',
    program: process.execPath,
    programArguments: [...NODE_FLAGS, ...profiling(contender, copy), values.framegate, 'serve', '-c', file],
    folder: own,
  });
  await waitUntilAccepting(port, started);
  const fields = subject.hasToken ? [['authorization', setting.authorization] as const] : [];
  const series = await CallSeries.open({ port, path: PATH, fields, changing: subject.changing });
  const leave = await contender.attend?.(adminPort);
  return { contender, process: started, series, leave: leave ?? (() => undefined), marks: [] };
}

function mark(runner: Runner): void {
  const pid = runner.process.child.pid ?? 0;
  const others = runner.process.pids().filter((one) => one !== pid);
  runner.marks.push([cpuNanoseconds(pid), others.reduce((sum, one) => sum + cpuNanoseconds(one), 0)]);
}

/** @returns microseconds a call in each turn, of the process that carries calls (0) or of its children (1) */
function costs({ marks }: Runner, which: 0 | 1): readonly number[] {
  return marks.slice(1).map((one, index) => (one[which] - marks[index][which]) / 1000 / callsOfTurn);
}

async function takeTurns(runners: readonly Runner[]): Promise<void> {
  for (let round = 0; round < WARM_UP_ROUNDS; round++)
    for (const { series } of runners) await series.make(callsOfTurn);
  for (let round = 0; round < rounds; round++) {
    for (const runner of turnOrder(runners, round)) {
      mark(runner);
      await runner.series.make(callsOfTurn);
    }
  }
  await sleep(AFTERMATH_MS);
  for (const runner of runners) mark(runner);
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
}

/** @returns the range of the middle 95 % of 1,000 medians, each of as many numbers, drawn at random from these */
function confidence(numbers: readonly number[]): readonly [low: number, high: number] {
  const draws = Array.from({ length: 1000 }, () =>
    median(numbers.map(() => numbers[Math.floor(Math.random() * numbers.length)])),
  ).toSorted((one, other) => one - other);
  return [draws[25], draws[975]];
}

/** @returns whether what was promised is kept */
function report(subjectName: string, runners: readonly Runner[]): boolean {
  const names = [...new Set(runners.map(({ contender }) => contender.name))];
  const ofRound = (name: string, which: 0 | 1): readonly number[] => {
    const all = runners.filter(({ contender }) => contender.name === name).map((one) => costs(one, which));
    return all[0].map((_, round) => mean(all.map((turns) => turns[round])));
  };
  const base = ofRound(names[0], 0);
  console.log(
    `\n${subjectName}: CPU microseconds a call, medians of ${rounds} turns of ${callsOfTurn} calls, ${copies} processes each`,
  );
  let isKept = true;
  for (const name of names) {
    const own = ofRound(name, 0);
    const differences = own.map((cost, round) => cost - base[round]);
    const [low, high] = confidence(differences);
    const more = median(differences);
    const { mostMoreUs, mostMorePercent } =
      runners.find(({ contender }) => contender.name === name)?.contender ?? {};
    const most = mostMorePercent === undefined ? mostMoreUs : (median(base) * mostMorePercent) / 100;
    if (most !== undefined && more > most) isKept = false;
    const each = runners
      .filter(({ contender }) => contender.name === name)
      .map((runner) => median(costs(runner, 0)).toFixed(2));
    const verdict =
      most === undefined ? '' : `, at most ${most.toFixed(2)}: ${more <= most ? 'kept' : 'MISSED'}`;
    console.log(
      `  ${name.padEnd(36)} ${median(own).toFixed(2)} (${each.join(' ')}), children ${median(ofRound(name, 1)).toFixed(2)}; more ${more.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})${verdict}`,
    );
  }
  return isKept;
}

async function measure(subjectName: string, folder: string): Promise<boolean> {
  const subject = SUBJECTS[subjectName];
  const missing = subject.needsRedis ? findRedis() : undefined;
  if (missing !== undefined) throw new Error(missing);
  const redisPort = subject.needsRedis ? await freePort() : 0;
  const redis = subject.needsRedis ? await startRedis(redisPort) : undefined;
  const sink = await SpanSink.start();
  const echo = await startEchoService(folder);
  const token = await tokenFor(folder);
  const certificate = await makeCertificate(folder);
  const { authorization } = token;
  const setting: Setting = { folder, certificate, upstreamPort: echo.port, subject, authorization };
  const runners: Runner[] = [];
  try {
    const contenders = subject.contenders({ token, collector: sink.exporter, redisPort });
    for (let copy = 0; copy < copies; copy++)
      for (const contender of contenders) runners.push(await start(contender, copy, setting));
    await takeTurns(runners);
    return report(subjectName, runners);
  } finally {
    for (const { leave, series, process: started } of runners) {
      leave();
      series.close();
      await started.stop();
    }
    await echo.process.stop();
    sink.stop();
    if (redis !== undefined) await stopRedis(redis);
  }
}

const wanted = positionals.length > 0 ? positionals : Object.keys(SUBJECTS);
const unknown = wanted.filter((name) => SUBJECTS[name] === undefined);
if (unknown.length > 0)
  refuse(`there is no ${unknown.join(', ')}; there are ${Object.keys(SUBJECTS).join(', ')}`);
let isAllKept = true;
for (const name of wanted) {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-turns-'));
  try {
    if (!(await measure(name, folder))) isAllKept = false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
process.exit(isAllKept ? 0 : 1);
