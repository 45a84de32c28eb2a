// Everything by which an operator can see what a running proxy does, all of them at the same time: the calls in flight, `framegate tap`,
// `framegate top`, the metrics, the feed of the dashboard and the log.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Blocker, LiveExchange } from '../../src/calls/live-exchange.ts';
import { MetricsReading } from '../../src/cli/metrics-reading.ts';
import { DashboardReader } from '../support/dashboard-reader.ts';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { LiveReader } from '../support/live-reader.ts';
import { clearListener, type ReloadingProxy, startReloadingProxy } from '../support/reloading-proxy.ts';

export type Told = Readonly<Record<string, unknown>>;

const main = join(import.meta.dirname, '../../src/main.ts');
const WORKERS = 2;
/** Time passes at least until somebody is blamed, and then until each witness looks again. */
const PATIENCE_MS = 60_000;

/** A command of Framegate that prints one JSON object per line. */
class Command {
  #text = '';

  constructor(t: TestContext, argv: readonly string[]) {
    const env = { ...process.env, FORCE_COLOR: undefined };
    const child = spawn(process.execPath, [main, ...argv], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      this.#text += piece;
    });
  }

  get lines(): readonly Told[] {
    const whole = this.#text.slice(0, this.#text.lastIndexOf('\n') + 1).split('\n');
    return whole.filter((line) => line !== '').map((line): Told => JSON.parse(line));
  }

  begun(): Promise<true> {
    return eventually('it looks', () => this.lines.length > 0, START_TIMEOUT_MS);
  }

  line(what: string, fits: (line: Told) => boolean, from = 0): Promise<Told> {
    return eventually(what, () => this.lines.slice(from).find(fits), PATIENCE_MS);
  }
}

/** A call that has ended. */
type Ended = Pick<LiveExchange, 'id' | 'requestId' | 'endpoint'>;

export class Witnesses {
  readonly proxy: ReloadingProxy;
  readonly live: LiveReader;
  readonly tap: Command;
  readonly top: Command;
  readonly dashboard: DashboardReader;
  /** Calls that were given up so far, as their verdicts say. */
  #cancelled = 0;
  /** How many calls were given up at their deadline. */
  failed = 0;

  private constructor(t: TestContext, proxy: ReloadingProxy, adminPort: number) {
    const admin = `127.0.0.1:${adminPort}`;
    this.proxy = proxy;
    this.live = new LiveReader(proxy);
    this.tap = new Command(t, ['tap', '--admin', admin, '--json', '--events', 'start,attempt,end']);
    this.top = new Command(t, ['top', '--admin', admin, '--json']);
    this.dashboard = new DashboardReader(adminPort);
    t.after(() => this.dashboard.stream.close());
  }

  /** Starts a proxy with two workers before this service. Resolves when all witnesses look. */
  static async start(t: TestContext, endpoint: string): Promise<Witnesses> {
    const proxy = await startReloadingProxy(t, {
      workers: WORKERS,
      listeners: [clearListener],
      upstreams: { voice: { endpoints: [endpoint] } },
      // So much can wait that it takes ten seconds through a slow network, while some of it moves all the time.
      limits: { streamWindow: '1MiB' },
    });
    const witnesses = new Witnesses(t, proxy, await proxy.process.port('admin'));
    await Promise.all([witnesses.tap.begun(), witnesses.top.begun(), witnesses.dashboard.opened()]);
    return witnesses;
  }

  async metrics(): Promise<MetricsReading> {
    const { body } = await this.proxy.ask('GET', '/metrics');
    return new MetricsReading(typeof body === 'string' ? body : '', performance.now());
  }

  async blockedCalls(): Promise<Readonly<Record<string, number>>> {
    const samples = (await this.metrics()).of('framegate_blocked_calls');
    return Object.fromEntries(samples.map(({ labels, value }) => [labels.get('by') ?? '', value]));
  }

  /**
   * Resolves to the only call of this method, once all that look at running calls blame this side for it, and nobody another one. No other
   * call may run.
   */
  async blame(method: string, by: Blocker): Promise<LiveExchange> {
    const others = { client: 0, service: 0, framegate: 0 };
    const wanted = { ...others, [by]: 1 };
    const seenBefore = this.top.lines.length;
    await eventually(
      `${by} blocks ${method}`,
      async () => (await this.live.page(`method=${method}&blocked=${by}`)).matching === 1,
      PATIENCE_MS,
    ).catch(async (error: unknown) => {
      assert.fail(
        `${String(error)}: ${JSON.stringify((await this.live.page()).exchanges)} ${JSON.stringify(this.tap.lines)}`,
      );
    });
    await this.top.line(
      `top says that ${by} blocks it`,
      ({ inFlight }) => JSON.stringify(inFlight) === JSON.stringify({ total: 1, blocked: wanted }),
      seenBefore,
    );
    await eventually(
      `the metrics say that ${by} blocks it`,
      async () => JSON.stringify(await this.blockedCalls()) === JSON.stringify(wanted),
      PATIENCE_MS,
    );
    const call = await this.live.call(method, ({ blocked }) => blocked.by === by);
    await this.dashboard.figures(
      'the dashboard shows the call with its route, its endpoint and its worker',
      ({ totals, routes, upstreams, processes }) =>
        totals.inFlight === 1 &&
        routes.find(({ route }) => route === call.route)?.inFlight === 1 &&
        upstreams.some(({ endpoints }) =>
          // An attempt that was given up counts while the endpoint works on it.
          endpoints.some(({ endpoint, inFlight }) => endpoint === call.endpoint && inFlight >= 1),
        ) &&
        processes.find(({ worker }) => worker === call.worker)?.carries?.calls === 1,
    );
    const begun = await this.tap.line(
      'tap has shown its start',
      ({ event, id }) => event === 'start' && id === call.id,
    );
    assert.deepEqual(
      [begun['method'], begun['worker'], begun['client']],
      [call.method, call.worker, call.client],
    );
    return call;
  }

  /** Resolves to the record of a call that was given up, after tap and the dashboard have said the same of it. */
  async verdict({ id, requestId, endpoint }: Ended): Promise<Told> {
    const told = await this.tap.line(
      'tap shows the end',
      (line) => line['event'] === 'end' && line['id'] === id,
    );
    const record = await eventually(
      'the access log has a record',
      () =>
        this.proxy.process
          .lines()
          .find((line) => line['requestId'] === requestId && line['msg'] === 'exchange finished'),
      PATIENCE_MS,
    );
    for (const field of ['endedBy', 'blockedBy', 'reason', 'code', 'grpcStatus', 'endpoint', 'deadlineMs'])
      assert.equal(told[field], record[field], `tap and the log agree about ${field}`);
    assert.equal(record['endpoint'], endpoint);
    await eventually('nothing runs any more', async () => (await this.live.page()).total === 0);
    if (record['grpcStatus'] === 'DEADLINE_EXCEEDED') this.failed++;
    else this.#cancelled++;
    await this.dashboard.figures(
      'the dashboard shows that the call was given up, and that none has failed but at its deadline',
      ({ totals }) =>
        totals.inFlight === 0 &&
        totals.cancelled === this.#cancelled &&
        totals.failed === this.failed &&
        totals.clientFault === 0,
    );
    return record;
  }

  /** Resolves to the record of a call that was given up at its deadline, after the others have said the same of it. */
  async missed(isIt: (record: Told) => boolean): Promise<Told> {
    const { requestId, endpoint } = await eventually(
      'the access log has a record of the deadline',
      () =>
        this.proxy.process.lines().find((line) => line['grpcStatus'] === 'DEADLINE_EXCEEDED' && isIt(line)),
      PATIENCE_MS,
    );
    // The client sends no x-request-id of its own, so the id of the call is that of its request.
    return this.verdict({ id: String(requestId), requestId: String(requestId), endpoint: String(endpoint) });
  }
}
