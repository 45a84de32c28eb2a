// `npm run test:silence`: grpcio servers behind Framegate that go silent under calls and streams. One process is stopped, and one
// machine (a network namespace) has all its packets dropped. Prints when streams are told, until when calls went there, and how soon
// the endpoint is used again; exit code 1 when that is later than the configuration says.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { status } from '../../src/demo/grpc.ts';
import { eventually } from '../support/eventually.ts';
import { type AudioStream, connectVoiceClient, type TestVoiceClient } from '../support/voice-client.ts';
import { ReportingChild } from './child-process.ts';
import { FarMachine } from './far-machine.ts';
import { FramegateProcess } from './framegate-process.ts';
import { type Interpreter, prepareDebianPython, preparePackageIndexPython } from './interpreters.ts';

const usage = `Usage: node test/interop/silence.ts [options]

  --after SECONDS    keepalive.after (default: 20)
  --timeout SECONDS  keepalive.timeout (default: 20)
  --silent SECONDS   how long an endpoint stays silent after its streams were told (default: 5)
  --only TEXT        only the ways to go silent whose name has this in it
`;

const STREAMS = 20;
const CALL_EVERY_MS = 10;
/** A call that takes longer is lost. */
const PATIENCE_MS = 1000;
/** How late a verdict may be on a busy machine. */
const LATE_MS = 1500;
/** How soon an endpoint has to be used again. */
const USED_AGAIN_MS = 2000;

const server = join(import.meta.dirname, 'python/voice_server.py');

interface Settings {
  readonly afterMs: number;
  readonly timeoutMs: number;
  readonly silentMs: number;
}

interface Way {
  readonly name: string;
  /** Ends itself before the streams are told: the time for which it is silent. */
  readonly briefMs?: number;
  goSilent(): void;
  comeBack(): void;
}

interface Service {
  readonly child: ReportingChild;
  readonly address: string;
}

async function startService(python: Interpreter, machine?: FarMachine): Promise<Service> {
  const host = machine?.address ?? '127.0.0.1';
  const args = ['-u', server, '--host', host];
  const how = machine?.command(python.executable, args) ?? { command: python.executable, args };
  const child = new ReportingChild({ name: `python server on ${host}`, ...how });
  const { port } = await child.event('listening');
  return { child, address: `${host}:${String(port)}` };
}

function configuration(endpoints: readonly string[], { afterMs, timeoutMs }: Settings): string {
  return JSON.stringify({
    workers: 1,
    listeners: ['tls', 'plaintext'].map((name) => ({ name, address: '127.0.0.1:0' })),
    routes: [{ match: { path: '/*' }, upstream: 'voice' }],
    upstreams: { voice: { endpoints, keepalive: { after: `${afterMs}ms`, timeout: `${timeoutMs}ms` } } },
    admin: 'off',
  });
}

/** Calls at a steady rate, each by itself. */
class Calls {
  readonly #client: TestVoiceClient;
  readonly #timer: NodeJS.Timeout;
  readonly #ended: { startedAtMs: number; endedAtMs: number; servedBy: string; code: number }[] = [];
  readonly #open = new Set<number>();

  constructor(client: TestVoiceClient) {
    this.#client = client;
    this.#timer = setInterval(() => void this.#call(), CALL_EVERY_MS);
  }

  async #call(): Promise<void> {
    const startedAtMs = performance.now();
    this.#open.add(startedAtMs);
    const { code, reply } = await this.#client.say({}, { deadlineMs: PATIENCE_MS });
    this.#open.delete(startedAtMs);
    this.#ended.push({ startedAtMs, endedAtMs: performance.now(), servedBy: reply?.servedBy ?? '', code });
  }

  /** When the first call ended that began after `sinceMs` and that `address` has served. */
  servedAtMs(address: string, sinceMs: number): number | undefined {
    return this.#ended.find((one) => one.endedAtMs > sinceMs && one.servedBy === address)?.endedAtMs;
  }

  /** Those that failed, of those that began since. */
  lostSince(sinceMs: number): { readonly count: number; readonly lastAtMs: number } {
    const failed = this.#ended
      .filter(({ code }) => status[code] !== 'OK')
      .map(({ startedAtMs }) => startedAtMs);
    const lost = failed.filter((startedAtMs) => startedAtMs >= sinceMs);
    return { count: lost.length, lastAtMs: Math.max(sinceMs, ...lost) };
  }

  get count(): number {
    return this.#ended.length + this.#open.size;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

interface Told {
  readonly stream: AudioStream;
  readonly code: number;
  readonly details: string;
  readonly atMs: number;
}

async function echo(stream: AudioStream): Promise<void> {
  stream.send({ sequence: 1, audio: Buffer.alloc(640), returnAudio: true });
  await stream.next();
}

class Scenario {
  readonly #way: Way;
  readonly #settings: Settings;
  readonly #faults: string[] = [];
  readonly #framegate: FramegateProcess;
  readonly #silent: string;
  readonly #calls: Calls;
  readonly #client: TestVoiceClient;

  constructor(way: Way, settings: Settings, framegate: FramegateProcess, silent: string) {
    this.#way = way;
    this.#settings = settings;
    this.#framegate = framegate;
    this.#silent = silent;
    this.#client = connectVoiceClient({ address: framegate.plaintextAddress });
    this.#calls = new Calls(this.#client);
  }

  /** @returns what was not as it should be */
  async run(): Promise<readonly string[]> {
    const streams = await this.#openStreams();
    const beganMs = performance.now();
    const told: Told[] = [];
    for (const stream of streams)
      void stream.outcome.then(({ code, details }) =>
        told.push({ code, details, atMs: performance.now() - beganMs, stream }),
      );
    this.#way.goSilent();
    if (this.#way.briefMs === undefined) {
      const dueMs = this.#settings.afterMs + this.#settings.timeoutMs + LATE_MS;
      await sleep(dueMs);
      this.#judgeStreams(told);
      await sleep(this.#settings.silentMs);
    } else await sleep(this.#way.briefMs);
    const backMs = performance.now();
    const { count, lastAtMs } = this.#calls.lostSince(beganMs);
    this.#way.comeBack();
    const total = this.#calls.count;
    console.log(
      `  calls: the last one lost began after ${seconds(lastAtMs - beganMs)}; ${count} lost of ${total}`,
    );
    await this.#judgeReturn(backMs);
    await this.#judgeOthers(streams.filter((stream) => told.every((one) => one.stream !== stream)));
    this.#judgeLog();
    this.#calls.stop();
    for (const stream of streams) stream.cancel();
    this.#client.close();
    return this.#faults;
  }

  /** Streams at both endpoints, each with a message there and back. */
  async #openStreams(): Promise<readonly AudioStream[]> {
    await eventually('the endpoint serves', () => this.#calls.servedAtMs(this.#silent, 0), 60_000);
    const streams = Array.from({ length: STREAMS }, () => this.#client.streamAudio());
    for (const stream of streams) await echo(stream);
    return streams;
  }

  #judgeStreams(told: readonly Told[]): void {
    if (told.length === 0) {
      this.#faults.push('no stream was told');
      return;
    }
    const times = told.map(({ atMs }) => atMs);
    console.log(
      `  streams: ${told.length} of ${STREAMS} told after ${seconds(Math.min(...times))} to ${seconds(Math.max(...times))}`,
    );
    console.log(`    ${status[told[0].code]}: ${told[0].details}`);
    for (const { code, details } of told)
      if (status[code] !== 'UNAVAILABLE' || !details.includes('(keepalive)'))
        this.#faults.push(`a stream ended with ${code}: ${details}`);
  }

  /** Streams that were not told are at an endpoint that serves them. */
  async #judgeOthers(streams: readonly AudioStream[]): Promise<void> {
    for (const stream of streams) {
      const isServed = await Promise.race([echo(stream).then(() => true), sleep(20_000, false)]);
      if (!isServed) this.#faults.push('a stream was neither told nor served');
    }
  }

  async #judgeReturn(backMs: number): Promise<void> {
    const atMs = await eventually(
      'it is used again',
      () => this.#calls.servedAtMs(this.#silent, backMs),
      60_000,
    );
    console.log(`  used again ${seconds(atMs - backMs)} after it is back`);
    if (atMs - backMs > USED_AGAIN_MS)
      this.#faults.push(`it was used again after ${seconds(atMs - backMs)} only`);
  }

  #judgeLog(): void {
    const warnings = this.#framegate.child.reports.filter(
      ({ level, msg }) => Number(level) >= 40 && msg !== undefined,
    );
    for (const { level, msg } of warnings)
      console.log(`  log, ${Number(level) === 40 ? 'warn' : 'error'}: ${String(msg)}`);
    const lost = warnings.filter(({ msg }) => String(msg).startsWith('lost '));
    if (this.#way.briefMs === undefined && lost.length !== 1)
      this.#faults.push(`${lost.length} warnings of lost calls instead of one`);
  }
}

async function runWay(
  way: Way,
  settings: Settings,
  endpoints: readonly Service[],
): Promise<readonly string[]> {
  console.log(`\n${way.name}`);
  const folder = mkdtempSync(join(tmpdir(), 'framegate-silence-'));
  const addresses = endpoints.map(({ address }) => address);
  const framegate = await FramegateProcess.launch(
    folder,
    configuration(addresses, settings),
    () => undefined,
  );
  try {
    return await new Scenario(way, settings, framegate, addresses[0]).run();
  } finally {
    framegate.child.signal('SIGKILL');
    await framegate.child.exit;
    rmSync(folder, { recursive: true, force: true });
  }
}

function warn(text: string): void {
  console.log(`note: ${text}`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      after: { type: 'string', default: '20' },
      timeout: { type: 'string', default: '20' },
      silent: { type: 'string', default: '5' },
      only: { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const [afterMs, timeoutMs, silentMs] = [values.after, values.timeout, values.silent].map(
    (text) => 1000 * Number(text),
  );
  let python = prepareDebianPython(warn);
  if ('missing' in python) python = preparePackageIndexPython(warn);
  if ('missing' in python) {
    console.log(python.missing);
    return 1;
  }
  console.log(`grpcio ${python.version}, keepalive after ${seconds(afterMs)}, timeout ${seconds(timeoutMs)}`);
  const created = FarMachine.create();
  const machine = typeof created === 'string' ? undefined : created;
  const faults: string[] = [];
  const near = await startService(python);
  const far = machine === undefined ? undefined : await startService(python, machine);
  const other = await startService(python);
  try {
    const ways: (Way & { readonly service: Service })[] = [
      {
        name: 'a stopped process (SIGSTOP)',
        service: near,
        goSilent: () => near.child.signal('SIGSTOP'),
        comeBack: () => near.child.signal('SIGCONT'),
      },
    ];
    if (machine !== undefined && far !== undefined) {
      const cut = {
        service: far,
        goSilent: () => machine.dropPackets(),
        comeBack: () => machine.letPacketsPass(),
      };
      const briefMs = afterMs + timeoutMs / 2;
      ways.push({ name: 'packets dropped', ...cut });
      ways.push({
        name: `packets dropped for ${seconds(briefMs)}, which is not long enough for a verdict`,
        briefMs,
        ...cut,
      });
    } else {
      // Where a pipeline runs, all of it has to run.
      const why = typeof created === 'string' ? created : 'no service could be started there';
      console.log(`packets dropped: SKIPPED, ${why}`);
      if (process.env['CI'] === 'true') faults.push(`packets could not be dropped: ${why}`);
    }
    for (const way of ways) {
      if (!way.name.includes(values.only)) continue;
      const found = await runWay(way, { afterMs, timeoutMs, silentMs }, [way.service, other]);
      faults.push(...found.map((fault) => `${way.name}: ${fault}`));
    }
  } finally {
    for (const service of [near, far, other]) service?.child.signal('SIGKILL');
    machine?.remove();
  }
  for (const fault of faults) console.log(`FAULT: ${fault}`);
  return faults.length === 0 ? 0 : 1;
}

process.exit(await main());
