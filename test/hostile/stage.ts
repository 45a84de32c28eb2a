// What every attack is mounted on: the proxy as a process of its own (stage-config.ts), the honest bystander in another, and upstreams
// that do what an attack wants them to. The attacker is the test's own process.

import assert from 'node:assert/strict';
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testCertificate } from '../support/certificates.ts';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { readMetrics } from '../support/metrics-reader.ts';
import { keySetText } from '../support/token-issuer.ts';
import { type BystanderReport, type BystanderStart, isReport } from './bystander-report.ts';
import { HostileService } from './hostile-service.ts';
import { HostileUpstream } from './hostile-upstream.ts';
import { stageConfig, type TimeLimits } from './stage-config.ts';
import { collectLines, type Log, type LogLine, portOf } from './stage-log.ts';
import { TOKEN_KEY } from './token-key.ts';
import { WebService } from './web-service.ts';

const SLOTS = 170;
/** MAX_CONCURRENT_STREAMS (RFC 9113 section 6.5.2). */
const NARROW = [[3, 100]] as const;
const mainFile = join(import.meta.dirname, '../../src/main.ts');
const heldMemoryFile = join(import.meta.dirname, 'held-memory.ts');
const bystanderFile = join(import.meta.dirname, 'bystander.ts');

/** The third is for peers that send a PROXY header. */
export type ListenerName = 'clear' | 'tls' | 'proxied';

export class Stage {
  readonly caPem: string;
  readonly web: WebService;
  /** Answers as no server of Node's would. */
  readonly raw: HostileService;
  /** Allows 100 streams on a connection, as many services do. */
  readonly narrow: HostileUpstream;
  readonly #proxy: ChildProcess;
  readonly #bystander: ChildProcess;
  readonly #folder: string;
  readonly #upstreams: readonly HostileUpstream[];
  readonly #ports: Readonly<Record<ListenerName, number>>;
  readonly #log: Log;
  /** Of the proxy's memory, when it had served hardly anything. */
  readonly coldMiB: number;
  readonly #workers: number;
  readonly #pidsAtFirst: readonly number[];
  #nextUpstream = 0;
  #nextSource = 1;

  private constructor(
    caPem: string,
    services: { readonly web: WebService; readonly raw: HostileService; readonly narrow: HostileUpstream },
    proxy: ChildProcess,
    bystander: ChildProcess,
    folder: string,
    upstreams: readonly HostileUpstream[],
    ports: Readonly<Record<ListenerName, number>>,
    log: Log,
    workers: number,
  ) {
    this.caPem = caPem;
    this.web = services.web;
    this.raw = services.raw;
    this.narrow = services.narrow;
    this.#proxy = proxy;
    this.#bystander = bystander;
    this.#folder = folder;
    this.#upstreams = upstreams;
    this.#ports = ports;
    this.#log = log;
    this.#workers = workers;
    this.coldMiB = this.residentMiB;
    this.#pidsAtFirst = this.#pids;
  }

  /**
   * @param workers processes that carry calls; 1: one process in all
   * @param timeLimits of the proxy
   */
  static async open(workers = 1, timeLimits: TimeLimits = 'long'): Promise<Stage> {
    const children: ChildProcess[] = [];
    try {
      return await Stage.#open(children, workers, timeLimits);
    } catch (error) {
      // Nobody else knows them, and a process waits for the children it is connected with.
      for (const child of children) child.kill('SIGKILL');
      throw error;
    }
  }

  static async #open(children: ChildProcess[], workers: number, timeLimits: TimeLimits): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), 'framegate-hostile-'));
    const bystander = fork(bystanderFile, { stdio: 'inherit' });
    children.push(bystander);
    const [servicePort]: unknown[] = await once(bystander, 'message');
    const upstreams: HostileUpstream[] = [];
    for (let slot = 0; slot < SLOTS; slot++) upstreams.push(await HostileUpstream.open(slot));
    const narrow = await HostileUpstream.open(SLOTS, NARROW);
    const web = await WebService.open();
    const raw = await HostileService.open();
    const { cert, key, caPem } = await testCertificate('localhost', '127.0.0.1');
    writeFileSync(join(folder, 'jwks.json'), keySetText([TOKEN_KEY]));
    const file = join(folder, 'config.yaml');
    writeFileSync(
      file,
      stageConfig(
        {
          servicePort: Number(servicePort),
          web: web.address,
          raw: raw.address,
          hostile: [...upstreams, narrow],
          workers,
          timeLimits,
        },
        { cert, key },
      ),
    );
    const proxy = spawn(
      process.execPath,
      [...(workers === 1 ? ['--expose-gc', '--import', heldMemoryFile] : []), mainFile, 'serve', '-c', file],
      { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] },
    );
    children.push(proxy);
    const log = collectLines(proxy);
    const { lines } = log;
    await eventually(
      'the proxy serves',
      () => lines.some(({ msg }) => msg === 'framegate serves'),
      START_TIMEOUT_MS,
    );
    const ports = {
      clear: portOf(lines, 'clear'),
      tls: portOf(lines, 'tls'),
      proxied: portOf(lines, 'proxied'),
    };
    // Not left behind by a run that is broken off.
    process.once('exit', () => proxy.kill('SIGKILL'));
    const stage = new Stage(
      caPem,
      { web, raw, narrow },
      proxy,
      bystander,
      folder,
      upstreams,
      ports,
      log,
      workers,
    );
    bystander.send({ port: ports.clear, pids: stage.#pidsAtFirst } satisfies BystanderStart);
    await stage.#warmUp();
    return stage;
  }

  /** The bystander begins with all it can do, and is warm when it has come to rest. */
  async #warmUp(): Promise<void> {
    let calls = 0;
    const isWarm = async (): Promise<boolean> => {
      await pause(500);
      const report = await this.bystanderReport();
      assert.deepEqual(report.failures, []);
      calls += report.calls;
      return calls > 1000 && report.calls < 250 && report.echoes > 0;
    };
    await eventually('the bystander has warmed the proxy up', isWarm, START_TIMEOUT_MS);
  }

  port(listener: ListenerName): number {
    return this.#ports[listener];
  }

  /** A loopback address nobody has attacked from: the log says the same thing about one peer only once a minute. */
  newSource(): string {
    const index = this.#nextSource++;
    return `127.66.${index >> 8}.${index & 0xff}`;
  }

  /** An upstream nobody has used, which does nothing yet. */
  newUpstream(): HostileUpstream {
    const upstream = this.#upstreams[this.#nextUpstream++];
    assert.ok(upstream !== undefined, 'there are too few hostile upstreams');
    return upstream;
  }

  /** Of the time since the last one. */
  async bystanderReport(): Promise<BystanderReport> {
    this.#bystander.send('report');
    const [report]: unknown[] = await once(this.#bystander, 'message');
    assert.ok(isReport(report), 'the bystander reports');
    return report;
  }

  /** NaN once it has exited. */
  get residentMiB(): number {
    if (this.hasExited) return Number.NaN;
    const status = readFileSync(`/proc/${this.#proxy.pid}/status`, 'latin1');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024;
  }

  /** In use, garbage not counted; 0 where workers serve. */
  async heldMiB(): Promise<number> {
    // What workers hold is asked by the stage with one process.
    if (this.#workers > 1) return 0;
    this.#proxy.send('how much');
    const [held]: unknown[] = await once(this.#proxy, 'message');
    return Number(held);
  }

  /** How often each of these tokens was counted so far, as violation, refusal or failure. */
  async counted(tokens: readonly string[]): Promise<readonly number[]> {
    const samples = await readMetrics(this.adminAddress);
    return tokens.map((token) =>
      samples
        .filter(({ labels }) => labels['token'] === token || labels['diagnosis'] === token)
        .reduce((sum, { value }) => sum + value, 0),
    );
  }

  /** Of the admin server: host and port. */
  get adminAddress(): string {
    const line = this.#log.lines.find(({ msg }) => msg === 'admin server listens');
    assert.ok(line?.address !== undefined, 'the admin server is open');
    return line.address;
  }

  /** User and system time of the proxy so far. */
  get cpuSeconds(): number {
    if (this.hasExited) return Number.NaN;
    const fields = readFileSync(`/proc/${this.#proxy.pid}/stat`, 'latin1').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** The proxy's, and its workers'. */
  get #pids(): readonly number[] {
    const { pid } = this.#proxy;
    if (pid === undefined || this.hasExited) return [];
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
    return [
      pid,
      ...children
        .split(' ')
        .filter((text) => text.trim() !== '')
        .map(Number),
    ];
  }

  /** No process has ended since the stage was opened, though another may have taken its place. */
  get hasSamePids(): boolean {
    const now = this.#pids;
    return this.#pidsAtFirst.every((pid) => now.includes(pid));
  }

  /** Bytes of the longest line of the log since it was asked for last, access records included. */
  takeLongestLine(): number {
    const longest = this.#log.longestLine;
    this.#log.longestLine = 0;
    return longest;
  }

  /** Calls of `MARK_PATH` in the log so far. */
  get marks(): number {
    return this.#log.marks;
  }

  get hasExited(): boolean {
    return this.#proxy.exitCode !== null || this.#proxy.signalCode !== null;
  }

  linesOf(peer: string, token: string): readonly LogLine[] {
    return this.#log.lines.filter(
      (line) =>
        line.token === token && (line.client?.startsWith(`${peer}:`) === true || line.endpoint === peer),
    );
  }

  /** The log names the peer and the rule, and does so once however often it is broken. */
  async wantOneLine(peer: string, token: string): Promise<void> {
    await eventually(
      `a line of the log with ${peer} and ${token}`,
      () => this.linesOf(peer, token).length > 0,
    );
    assert.equal(this.linesOf(peer, token).length, 1, `${token} of ${peer} in the log`);
  }

  async close(): Promise<void> {
    this.#proxy.kill('SIGKILL');
    if (this.#bystander.connected) this.#bystander.disconnect();
    for (const upstream of this.#upstreams) upstream.close();
    this.narrow.close();
    this.web.close();
    this.raw.close();
    rmSync(this.#folder, { recursive: true, force: true });
    await eventually('the processes end', () => this.hasExited);
  }
}

export function pause(milliseconds: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(undefined), milliseconds);
  });
}
