// HTTP/1.1 clients, HTTP/1.1 services, WebSockets and first bytes, made up from a grammar, through a whole proxy in a
// process of its own. It fails on an exit, a hang, a call neither completed nor failed, a byte of one client with another.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDemoService } from '../../src/demo/demo-service.ts';
import { ProxyChild } from '../soak/processes.ts';
import { testCertificate } from '../support/certificates.ts';
import { frameSummary } from '../support/frame-summary.ts';
import { readMetrics } from '../support/metrics-reader.ts';
import { rawFrame } from '../support/raw-frames.ts';
import type { ReceivedFrame } from '../support/raw-peer.ts';
import { callHonestly } from './proxy-fuzz.ts';
import { ScriptedService } from './scripted-service.ts';
import { BOUND_MS, type Heard, runClient } from './web-client.ts';
import { judge } from './web-judge.ts';
import { knownSessions } from './web-seeds.ts';
import { describeSession, type FuzzListener, isWebSession, type WebSession } from './web-session.ts';
import { shorter, webSession } from './web-sessions.ts';

export interface WebFuzzOptions {
  readonly seconds: number;
  readonly seed: number;
  /** At most so many sessions that are made up; no bound unless given. */
  readonly sessions?: number;
  readonly clients?: number;
  /** False to go straight to those that are made up. */
  readonly knownFirst?: boolean;
}

const CLIENTS = 8;
/** One round in so many is with two workers. */
const WORKERS_EVERY = 3;
const ROUND_SECONDS = 20;
const MOST_FINDINGS = 5;
const LAST_LINES_MS = 300;
/** For the calls of clients that are gone to be over. */
const LEFT_MS = 60_000;
/** Of a finding that is made smaller: each try may take a proxy of its own. */
const SHRINK_MS = 60_000;
const CALLS_LEFT = 'drain.timeout has passed; ending the calls that are left';

export interface Finding {
  readonly session: WebSession;
  readonly problem: string;
}

/** What one proxy needs; close() gives it back. */
class WebBench {
  readonly service: ScriptedService;
  readonly proxy: ProxyChild;
  readonly #workers: readonly string[];
  readonly #close: () => void;
  readonly #ended: string[] = [];

  private constructor(service: ScriptedService, proxy: ProxyChild, close: () => void) {
    this.service = service;
    this.proxy = proxy;
    this.#workers = childrenOf(proxy.pid);
    this.#close = close;
  }

  static async start(workers: number): Promise<WebBench> {
    const folder = mkdtempSync(join(tmpdir(), 'framegate-fuzz-web-'));
    const service = await ScriptedService.start();
    const honest = await startDemoService({ address: '127.0.0.1:0' });
    const close = (): void => {
      service.close();
      honest.forceClose();
      rmSync(folder, { recursive: true, force: true });
    };
    try {
      const file = join(folder, 'config.yaml');
      writeFileSync(file, await configText(service.port, honest.address, workers));
      return new WebBench(service, await ProxyChild.start(file), close);
    } catch (error) {
      close();
      throw error;
    }
  }

  /** Something has ended, or was complained of, that must not. */
  get isHurt(): boolean {
    const { proxy } = this;
    return proxy.hasExited || proxy.complaints.length > 0 || this.#hasLostWorker;
  }

  get #hasLostWorker(): boolean {
    const now = childrenOf(this.proxy.pid);
    return this.#workers.some((pid) => !now.includes(pid));
  }

  /** @returns what is wrong with the processes; undefined when each is still the same and none complains */
  async death(): Promise<string | undefined> {
    if (!this.isHurt) return undefined;
    // The last lines of the log are on their way.
    await new Promise((resolve) => setTimeout(resolve, LAST_LINES_MS));
    const { proxy } = this;
    const what = proxy.hasExited
      ? 'the process has ended'
      : this.#hasLostWorker
        ? 'a worker has ended'
        : 'the log complains';
    return `${what}: ${proxy.complaints.map(complaintOf).join('; ').slice(0, 1000)}`;
  }

  /** @returns what is wrong, undefined when all is well */
  async run(session: WebSession): Promise<string | undefined> {
    const log = this.service.expect(session);
    const localAddress = `127.1.${1 + (session.seed % 250)}.${1 + (Math.floor(session.seed / 250) % 250)}`;
    const port = this.proxy.port(session.listener satisfies FuzzListener);
    const heard = await runClient(session, { port, localAddress });
    // Of a client that is gone nothing is left at its service.
    const endMs = performance.now() + BOUND_MS;
    while (log.running > 0 && performance.now() < endMs && !this.isHurt)
      await new Promise((resolve) => setTimeout(resolve, 2));
    const left =
      log.running > 0
        ? `${log.running} requests of a client that is gone are left at the service`
        : undefined;
    const problem = judge(session, heard, log) ?? left ?? this.service.problems.at(0);
    this.service.forget(session);
    return (await this.death()) ?? (problem === undefined ? undefined : `${problem} ${describeHeard(heard)}`);
  }

  /** With no client left there is no call. @returns what is wrong */
  async leftCalls(): Promise<string | undefined> {
    const endMs = performance.now() + LEFT_MS;
    let left = 0;
    do {
      if (this.isHurt) return await this.death();
      const samples = await readMetrics(this.proxy.adminAddress);
      left = samples.find(({ name }) => name === 'framegate_exchanges_active')?.value ?? 0;
      if (left === 0) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 20));
    } while (performance.now() < endMs);
    return `${left} calls are left when their clients have gone`;
  }

  /** Of the calls that a drain has ended, from the log: it names who was left. */
  get lastPaths(): string {
    return this.#ended.length === 0 ? '' : `: ${this.#ended.slice(0, 5).join(', ')}`;
  }

  /** How the process ends says whether it has forgotten a call. */
  async stop(): Promise<string | undefined> {
    const death = await this.death();
    if (death !== undefined) return death;
    this.proxy.onRecord = ({ method }) => {
      if (typeof method === 'string') this.#ended.push(method);
    };
    const startedMs = performance.now();
    const exitCode = await this.proxy.stop().catch(() => 'never');
    if (exitCode === 'never') return 'the process does not end after SIGTERM';
    const drainMs = Math.round(performance.now() - startedMs);
    if (exitCode !== 0) return `the process ended with ${exitCode}`;
    if (this.proxy.warnings.has(CALLS_LEFT))
      return `calls were left when all clients had gone: draining took ${drainMs} ms`;
    return this.proxy.complaints.map(complaintOf).at(0);
  }

  close(): void {
    this.proxy.kill();
    this.#close();
  }
}

/** In braces, which are left out where kinds of findings are compared. */
function describeHeard({ frames, text, isEnded, problem }: Heard): string {
  const what = frames.length > 0 ? frames.map(summaryOf).join(', ') : JSON.stringify(text.slice(-800));
  return `{the client heard ${what}${isEnded ? ', then FIN' : ''}${problem === undefined ? '' : `; ${problem}`}}`;
}

function summaryOf({ type, flags, streamId, payload }: ReceivedFrame): string {
  return frameSummary(rawFrame(type, flags, streamId, payload));
}

/** What it says of an error, and where that was thrown. */
function complaintOf(line: string): string {
  const where =
    /\\n\s+at ([^\\"]*\/src\/[^\\"]*)/.exec(line)?.[1]?.replace(/\(?file:.*\/src\//, 'src/') ?? '';
  const message = /"message":"((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? line;
  return `${message} ${where}`;
}

function childrenOf(pid: number): readonly string[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
    return text.split(' ').filter((child) => child.trim() !== '');
  } catch {
    return [];
  }
}

async function configText(fuzzed: number, honest: string, workers: number): Promise<string> {
  const { cert, key } = await testCertificate('localhost', '127.0.0.1');
  const web = { protocol: 'http1', endpoints: [`127.0.0.1:${fuzzed}`] };
  return JSON.stringify({
    workers,
    listeners: [
      { name: 'clear', address: '127.0.0.1:0' },
      { name: 'tls', address: '127.0.0.1:0', tls: { certificates: [{ cert, key }] } },
      { name: 'proxied', address: '127.0.0.1:0', proxyProtocol: { trusted: ['127.0.0.0/8'] } },
    ],
    routes: [
      { match: { path: '/voice.VoiceAssistant/*' }, upstream: 'honest', grpcWeb: true },
      { match: { path: '/fz/*' }, upstream: 'fuzzed' },
      { match: { path: '/two/*' }, upstream: 'two' },
    ],
    upstreams: {
      honest: { endpoints: [honest] },
      fuzzed: web,
      two: { ...web, connections: { max: 2, connectTimeout: '5s' } },
    },
    limits: { openingTimeout: '4s', headerTimeout: '4s', stallTimeout: '5s' },
    // A call that was forgotten holds the drain up until then.
    drain: { timeout: '8s' },
    admin: { address: '127.0.0.1:0' },
  });
}

interface Progress {
  sessions: number;
  honestCalls: number;
  slowestMs: number;
  frames: number;
}

/** @returns what was found */
export async function fuzzWeb(
  options: WebFuzzOptions,
  print: (line: string) => void = () => undefined,
): Promise<readonly string[]> {
  const { seed, seconds, sessions: most = Number.POSITIVE_INFINITY } = options;
  const progress: Progress = { sessions: 0, honestCalls: 0, slowestMs: 0, frames: 0 };
  const problems: string[] = [];
  if (options.knownFirst !== false) problems.push(...(await runKnown(print)));
  const startedMs = performance.now();
  const kinds = new Set<string>();
  let given = 0;
  const seeds = (): WebSession | undefined =>
    given >= most || performance.now() - startedMs >= seconds * 1000 ? undefined : webSession(seed + given++);
  const roundSeconds = Math.min(ROUND_SECONDS, Math.max(2, seconds / WORKERS_EVERY));
  for (let round = 1; kinds.size < MOST_FINDINGS; round++) {
    const workers = round % WORKERS_EVERY === 0 ? 2 : 1;
    const found = await runRound({
      workers,
      seconds: roundSeconds,
      clients: options.clients ?? CLIENTS,
      seeds,
      progress,
    });
    for (const finding of found) {
      const kind = kindOf(finding.problem);
      if (kinds.has(kind)) continue;
      kinds.add(kind);
      print(`web: found ${finding.problem.slice(0, 1500)} (seed ${finding.session.seed})`);
      problems.push(await explain(finding, workers, print));
    }
    const perSecond = Math.round((1000 * progress.sessions) / (performance.now() - startedMs));
    print(
      `web: ${progress.sessions} sessions, ${perSecond}/s, ${progress.honestCalls} honest calls, ` +
        `slowest ${Math.round(progress.slowestMs)} ms, ${workers} workers, seed ${seed}`,
    );
    if (performance.now() - startedMs >= seconds * 1000 || given >= most) break;
  }
  return problems;
}

/** One after another, each by itself: what fails is as small as it gets already. */
async function runKnown(print: (line: string) => void): Promise<readonly string[]> {
  const problems: string[] = [];
  let bench = await WebBench.start(1);
  try {
    for (const session of knownSessions()) {
      const problem = (await bench.run(session)) ?? (await bench.leftCalls());
      if (problem === undefined) continue;
      problems.push(`web: ${problem}\n${indented(describeSession(session))}`);
      // What it has left behind is not to be laid to the next one's charge.
      bench.close();
      bench = await WebBench.start(1);
    }
  } finally {
    bench.close();
  }
  print(`web: ${knownSessions().length} known sessions, ${problems.length} failed`);
  return problems;
}

interface Round {
  readonly workers: number;
  readonly seconds: number;
  readonly clients: number;
  readonly seeds: () => WebSession | undefined;
  readonly progress: Progress;
}

async function runRound({ workers, seconds, clients, seeds, progress }: Round): Promise<readonly Finding[]> {
  const bench = await WebBench.start(workers);
  const endMs = performance.now() + seconds * 1000;
  const findings: Finding[] = [];
  /** Whoever was there when a process ended may have ended it. */
  const recent: WebSession[] = [];
  const drive = async (): Promise<void> => {
    while (findings.length === 0 && !bench.isHurt && performance.now() < endMs) {
      const session = seeds();
      if (session === undefined) return;
      recent.push(session);
      if (recent.length > 4 * clients) recent.shift();
      const problem = await bench.run(session);
      progress.sessions++;
      if (problem !== undefined && !bench.isHurt) findings.push({ session, problem });
    }
  };
  try {
    let isOver = false;
    const calling = callHonestly(bench.proxy.port('clear'), progress, () => isOver || bench.proxy.hasExited);
    await Promise.all(Array.from({ length: clients }, drive));
    isOver = true;
    const honest = await calling;
    const left = await bench.leftCalls();
    const stopped = await bench.stop();
    const death = left === undefined ? stopped : `${left}${bench.lastPaths}`;
    if (death !== undefined) findings.unshift(...(await culprits(recent, death, workers)));
    else for (const problem of honest) findings.push({ session: recent[0], problem });
    return findings;
  } finally {
    bench.close();
  }
}

/** Each of them by itself against a new proxy, the latest first. */
async function culprits(
  recent: readonly WebSession[],
  death: string,
  workers: number,
): Promise<readonly Finding[]> {
  for (const session of recent.toReversed()) {
    const problem = await alone(session, workers);
    if (problem !== undefined && kindOf(problem) === kindOf(death)) return [{ session, problem }];
  }
  const [session] = recent;
  return session === undefined
    ? []
    : [{ session, problem: `${death} (none of the last ${recent.length} sessions does it alone)` }];
}

async function alone(session: WebSession, workers: number): Promise<string | undefined> {
  const bench = await WebBench.start(workers);
  try {
    return (await bench.run(session)) ?? (await bench.leftCalls()) ?? (await bench.stop());
  } finally {
    bench.close();
  }
}

/** Makes it as small as time allows, and writes it down. */
async function explain(finding: Finding, workers: number, print: (line: string) => void): Promise<string> {
  const { problem } = finding;
  const again = await alone(finding.session, workers);
  let session = finding.session;
  const isSame = again !== undefined && kindOf(again) === kindOf(problem);
  if (isSame) session = await minimised(session, problem, workers);
  else print(`web: ${session.name} found ${problem.slice(0, 200)}, and did not when run alone`);
  const file = join(mkdtempSync(join(tmpdir(), 'framegate-fuzz-')), `web-${session.seed}.json`);
  writeFileSync(file, JSON.stringify(session, undefined, 1));
  const alonePart = isSame ? '' : '\n  (not when run alone: another session was there)';
  return `web: ${problem}${alonePart}\n${indented(describeSession(session))}\n  node test/fuzz/run.ts --replay ${file}`;
}

async function minimised(session: WebSession, problem: string, workers: number): Promise<WebSession> {
  const endMs = performance.now() + SHRINK_MS;
  let bench = await WebBench.start(workers);
  let least = session;
  try {
    for (let hasShrunk = true; hasShrunk && performance.now() < endMs; ) {
      hasShrunk = false;
      for (const candidate of shorter(least)) {
        if (performance.now() > endMs) break;
        const found = (await bench.run(candidate)) ?? (await bench.leftCalls());
        if (found === undefined) continue;
        bench.close();
        bench = await WebBench.start(workers);
        if (kindOf(found) !== kindOf(problem)) continue;
        least = candidate;
        hasShrunk = true;
        break;
      }
    }
  } finally {
    bench.close();
  }
  return least;
}

/** Without the numbers and what was received, which change as steps are left out. */
function kindOf(problem: string): string {
  return problem.split(/["{]/, 1)[0].replaceAll(/\d+/g, '#').slice(0, 70);
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}

/** Undefined when the file holds no session of this kind. @returns the problems that it still shows */
export async function replayWeb(file: string): Promise<readonly string[] | undefined> {
  const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (!isWebSession(value)) return undefined;
  const problem = await alone(value, 1);
  return problem === undefined ? [] : [problem];
}
