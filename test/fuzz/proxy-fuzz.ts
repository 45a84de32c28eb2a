// A whole proxy in a process of its own, its clients and its upstream fuzzed at the same time over real sockets. Beside
// them an honest client calls an honest service: its calls must all succeed, and quickly, and nothing may be left behind.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDemoService } from '../../src/demo/demo-service.ts';
import { status } from '../../src/demo/grpc.ts';
import { MemoryTrend, residentBytes } from '../soak/memory.ts';
import { ProxyChild } from '../soak/processes.ts';
import { connectVoiceClient } from '../support/voice-client.ts';
import { Random } from './random.ts';
import { SocketPeer } from './socket-peer.ts';

export interface ProxyFuzzOptions {
  readonly seconds: number;
  readonly seed: number;
  /** At most so many sessions of clients; no bound unless given. */
  readonly sessions?: number;
}

const CLIENTS = 6;
const CALL_LIMIT_MS = 5000;
/** drain.timeout is 30 s: a call that was forgotten holds the drain up until then. */
const DRAIN_LIMIT_MS = 10_000;
const CALLS_LEFT = 'drain.timeout has passed; ending the calls that are left';
/** Beyond what the process has after a quarter of its time. */
const MOST_GROWTH_MIB = 120;

class FuzzUpstream {
  readonly #server: Server;
  readonly port: number;
  frames = 0;

  private constructor(server: Server, seed: number) {
    this.#server = server;
    const address = server.address();
    this.port = address === null || typeof address === 'string' ? 0 : address.port;
    let connections = 0;
    server.on('connection', (socket) => {
      const peer = new SocketPeer(socket, false, new Random(seed + 1_000_000 + connections++));
      void this.#drive(peer);
    });
  }

  async #drive(peer: SocketPeer): Promise<void> {
    await peer.run(2000);
    this.frames += peer.frames;
  }

  static async start(seed: number): Promise<FuzzUpstream> {
    const server = createServer({ noDelay: true });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, '127.0.0.1', resolve);
    await promise;
    return new FuzzUpstream(server, seed);
  }

  close(): void {
    this.#server.close();
  }
}

function configText(fuzzed: number, honest: string): string {
  return JSON.stringify({
    listeners: [{ name: 'clear', address: '127.0.0.1:0' }],
    routes: [
      { match: { path: '/voice.VoiceAssistant/*' }, upstream: 'honest' },
      { match: { path: '/*' }, upstream: 'fuzzed' },
    ],
    upstreams: {
      honest: { endpoints: [honest] },
      fuzzed: { endpoints: [`127.0.0.1:${fuzzed}`], connections: { max: 4, connectTimeout: '1s' } },
    },
    admin: 'off',
  });
}

interface Progress {
  sessions: number;
  frames: number;
  honestCalls: number;
  slowestMs: number;
}

/** Calls, one after another, until told to stop. @returns what went wrong */
export async function callHonestly(
  port: number,
  progress: Pick<Progress, 'honestCalls' | 'slowestMs'>,
  mayStop: () => boolean,
): Promise<readonly string[]> {
  const problems: string[] = [];
  const client = connectVoiceClient({ address: `127.0.0.1:${port}` });
  while (!mayStop() && problems.length < 5) {
    const startedMs = performance.now();
    const outcome = await client.say(
      { text: 'honest', replyAudioBytes: 1000 },
      { deadlineMs: 2 * CALL_LIMIT_MS },
    );
    const tookMs = performance.now() - startedMs;
    progress.honestCalls++;
    progress.slowestMs = Math.max(progress.slowestMs, tookMs);
    if (status[outcome.code] !== 'OK')
      problems.push(`an honest call ended ${status[outcome.code]}: ${outcome.details}`);
    else if (outcome.reply?.audio.length !== 1000) problems.push('an honest call lost bytes');
    if (tookMs > CALL_LIMIT_MS) problems.push(`an honest call took ${Math.round(tookMs)} ms`);
  }
  client.close();
  return problems;
}

async function fuzzClients(port: number, seeds: () => number | undefined, progress: Progress): Promise<void> {
  for (let seed = seeds(); seed !== undefined; seed = seeds()) {
    const random = new Random(seed);
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const peer = new SocketPeer(socket, true, random);
    await peer.run(20 + random.below(600));
    progress.frames += peer.frames;
    progress.sessions++;
  }
}

/** What a run needs, and gives back by close() however it ended. */
class FuzzBench {
  readonly upstream: FuzzUpstream;
  readonly proxy: ProxyChild;
  readonly #close: () => void;

  private constructor(upstream: FuzzUpstream, proxy: ProxyChild, close: () => void) {
    this.upstream = upstream;
    this.proxy = proxy;
    this.#close = close;
  }

  static async start(seed: number): Promise<FuzzBench> {
    const folder = mkdtempSync(join(tmpdir(), 'framegate-fuzz-proxy-'));
    const upstream = await FuzzUpstream.start(seed);
    const honest = await startDemoService({ address: '127.0.0.1:0' });
    const close = (): void => {
      upstream.close();
      honest.forceClose();
      rmSync(folder, { recursive: true, force: true });
    };
    try {
      writeFileSync(join(folder, 'config.yaml'), configText(upstream.port, honest.address));
      return new FuzzBench(upstream, await ProxyChild.start(join(folder, 'config.yaml')), close);
    } catch (error) {
      close();
      throw error;
    }
  }

  close(): void {
    this.proxy.kill();
    this.#close();
  }
}

/** How the process ends says whether it has forgotten a call: one that is left holds up the drain. */
async function stopProxy(proxy: ProxyChild): Promise<readonly string[]> {
  if (proxy.hasExited) return ['the process has ended by itself'];
  const problems: string[] = [];
  const startedMs = performance.now();
  const exitCode = await proxy.stop();
  const drainMs = Math.round(performance.now() - startedMs);
  if (exitCode !== 0) problems.push(`the process ended with ${exitCode}`);
  if (drainMs > DRAIN_LIMIT_MS) problems.push(`draining took ${drainMs} ms: calls were left`);
  if (proxy.warnings.has(CALLS_LEFT)) problems.push('calls were left when all had gone');
  return [...problems, ...proxy.complaints];
}

/** @returns what was found */
export async function fuzzProxy(
  options: ProxyFuzzOptions,
  print: (line: string) => void = () => undefined,
): Promise<readonly string[]> {
  const { seed, seconds, sessions: mostSessions = Number.POSITIVE_INFINITY } = options;
  const bench = await FuzzBench.start(seed);
  const { proxy, upstream } = bench;
  const port = proxy.port('clear');
  const progress: Progress = { sessions: 0, frames: 0, honestCalls: 0, slowestMs: 0 };
  const trend = new MemoryTrend();
  const startedMs = performance.now();
  let warmMib = 0;
  const say = (): void => {
    if (proxy.hasExited) return;
    trend.add(performance.now(), residentBytes(proxy.pid));
    const elapsedMs = performance.now() - startedMs;
    if (elapsedMs < seconds * 250) warmMib = trend.mostMib;
    const frames = progress.frames + upstream.frames;
    print(
      `proxy: ${progress.sessions} sessions, ${frames} frames, ${Math.round((1000 * frames) / elapsedMs)} frames/s, ` +
        `${progress.honestCalls} honest calls, slowest ${Math.round(progress.slowestMs)} ms, RSS ${trend.lastMib.toFixed(1)} MiB, seed ${seed}`,
    );
  };
  const saying = setInterval(say, 4000);
  let given = 0;
  let hasEnded = false;
  const seeds = (): number | undefined => {
    const isOver =
      performance.now() - startedMs >= seconds * 1000 || given >= mostSessions || proxy.hasExited;
    return isOver ? undefined : seed + given++;
  };
  try {
    const calling = callHonestly(port, progress, () => hasEnded || proxy.hasExited);
    await Promise.all(Array.from({ length: CLIENTS }, () => fuzzClients(port, seeds, progress)));
    hasEnded = true;
    const problems = [...(await calling)];
    say();
    problems.push(...(await stopProxy(proxy)));
    const grownMib = trend.lastMib - warmMib;
    if (seconds >= 60 && warmMib > 0 && grownMib > MOST_GROWTH_MIB)
      problems.push(`memory grew by ${grownMib.toFixed(1)} MiB`);
    return problems.map((problem) => `proxy, seed ${seed}: ${problem}`);
  } finally {
    clearInterval(saying);
    bench.close();
  }
}
