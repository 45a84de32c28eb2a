// The control part of a running proxy: it starts a plane with a configuration, replaces that configuration while calls run, and stops
// everything in order. The admin server, reloads, watched files and sources are controlled here; the plane carries the calls.

import { setTimeout as setTimeoutPromise } from 'node:timers/promises';
import type { AdminState, Readiness } from '../admin/admin-pages.ts';
import type { AdminReply } from '../admin/admin-reply.ts';
import { type Change, prepareAll, prepareBoth } from '../config/change.ts';
import type { Config } from '../config/config.ts';
import { type ConfigChanges, configChanges } from '../config/config-changes.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import {
  type ConfigProblem,
  type Finding,
  formatProblem,
  locateFinding,
  type Origins,
  sortProblems,
} from '../config/problem.ts';
import { problemsOf, UnusableConfig } from '../config/unusable-config.ts';
import type { Logger } from '../observability/logger.ts';
import type { Load, Plane, PlaneListener } from '../plane/plane.ts';
import { Discovery } from '../sources/discovery.ts';
import { EndpointBook, type EndpointVerdict } from '../sources/endpoint-book.ts';
import { FileSource, type ReloadResult, type ReloadTrigger } from '../sources/file-source.ts';
import type { ResourceUpdate, Source, SourceSink, Verdict } from '../sources/source.ts';
import { AdminPort } from './admin-port.ts';
import { adminState } from './admin-state.ts';
import { CertificateWatch } from './certificate-watch.ts';
import { RoomLog } from './client-room.ts';
import type { CurrentConfig } from './config-report.ts';
import { Dashboard } from './dashboard.ts';
import { findRemarks } from './remarks.ts';
import { SpanExport } from './span-export.ts';
import { UpstreamOutages } from './upstream-outages.ts';
import { Watches } from './watches.ts';

type ProxyState = 'starting' | 'serving' | 'draining' | 'stopped';

export interface AppliedConfig {
  readonly epoch: number;
  readonly changes: ConfigChanges;
  /** Warnings that only the running proxy can give, since they depend on the resources of the process. */
  readonly remarks: readonly Finding[];
}

/** What the surrounding process provides and is told. */
export interface ProxyHooks {
  /** A client asked for the end by POST /api/drain. Without this hook the proxy drains by itself. */
  readonly onDrainRequested?: (client: string) => void;
  readonly onReloadBegin?: () => void;
  /** The reload has ended, whether it succeeded or not. */
  readonly onReloadEnd?: () => void;
  /** The first configuration as it was read, for its warnings and their places in the file. */
  readonly loaded?: LoadedConfig;
  /** How many processes would carry calls if the service were started again with this configuration. */
  readonly processesFor?: (config: Config) => number;
  /** Sources in addition to the file. */
  readonly sources?: readonly Source[];
}

/** The verdicts worth a warning. Stale updates are normal, since a source may repeat itself. */
const REFUSED_UPDATES: ReadonlySet<EndpointVerdict> = new Set(['unknown', 'too_many', 'invalid']);

export class Proxy {
  readonly #plane: Plane;
  readonly #logger: Logger;
  readonly #hooks: ProxyHooks;
  readonly #admin: AdminPort;
  readonly #file: FileSource;
  readonly #sources: readonly Source[];
  readonly #endpoints: EndpointBook;
  readonly #discovery: Discovery;
  readonly #dashboard: Dashboard;
  readonly #watches: Watches;
  readonly #spans: SpanExport;
  readonly #certificateWatch: CertificateWatch;
  /** Where the log goes changes only at the next start. */
  readonly #firstLog: Config['log'];
  #current: CurrentConfig;
  /** The warnings about the configuration in force, as `framegate check` prints them. */
  #warnings: readonly string[];
  #state: ProxyState = 'starting';
  /** Settles when the newest change has ended. */
  #changes: Promise<unknown> = Promise.resolve();
  #drained: Promise<void> | undefined = undefined;
  readonly #room: RoomLog;

  private constructor(plane: Plane, config: Config, logger: Logger, hooks: ProxyHooks) {
    this.#plane = plane;
    this.#logger = logger;
    this.#hooks = hooks;
    this.#room = new RoomLog(logger);
    this.#firstLog = config.log;
    this.#current = { epoch: 1, config, loadedAtEpochMs: Date.now(), origins: hooks.loaded };
    this.#warnings = hooks.loaded?.warnings.map(formatProblem) ?? [];
    this.#file = new FileSource({
      file: config.file,
      logger,
      obstacle: () => (this.#state === 'serving' ? undefined : `the proxy is ${this.#state}`),
      onBegin: () => this.#hooks.onReloadBegin?.(),
      onEnd: () => this.#hooks.onReloadEnd?.(),
    });
    this.#sources = [this.#file, ...(hooks.sources ?? [])];
    this.#watches = new Watches(plane, logger);
    this.#endpoints = new EndpointBook((update) => {
      plane.updateEndpoints(update);
      this.#watches.endpointsChanged(update.upstream, update.endpoints);
    });
    this.#discovery = new Discovery({ logger });
    plane.watchOutages(new UpstreamOutages(logger, (upstream) => this.#admin.upstreamIsOut(upstream)).told);
    plane.watchConnectFailures((upstream) => this.#discovery.dns.lookAgain(upstream));
    this.#dashboard = new Dashboard({
      plane,
      logger,
      current: this.#current,
      warnings: () => this.#warnings,
      reloads: () => this.#file.report,
      healthOf: (upstream) => this.#watches.healthOf(upstream),
      diagnoses: this.#watches.diagnoses,
      whyNotReady: () => this.#whyNotReady,
    });
    this.#spans = new SpanExport(logger);
    plane.watchSpans(this.#spans.take);
    this.#admin = new AdminPort(this.#adminState(), logger);
    this.#certificateWatch = new CertificateWatch({
      users: () => plane.tlsUsers,
      serially: (task) => this.#serially(task),
      onRenewed: ({ kind, name }) => {
        if (kind === 'upstream') this.#watches.renewTls(name);
      },
      logger,
    });
  }

  /**
   * Resolves when every listener is open. Rejects when one cannot be opened, and then leaves nothing open.
   * @param plane made from the same configuration, and not open yet
   */
  static async start(plane: Plane, config: Config, logger: Logger, hooks: ProxyHooks = {}): Promise<Proxy> {
    const proxy = new Proxy(plane, config, logger, hooks);
    try {
      await proxy.#open();
    } catch (error) {
      proxy.#stopWatches();
      proxy.#closeSources();
      throw error;
    }
    return proxy;
  }

  get listeners(): readonly PlaneListener[] {
    return this.#plane.listeners;
  }

  get load(): Load {
    return this.#plane.load;
  }

  /** For tests. */
  get spanExport(): Pick<SpanExport, 'metrics' | 'pid' | 'report'> {
    return this.#spans;
  }

  async #open(): Promise<void> {
    this.#discovery.start(this.#sinkFor(this.#discovery));
    const change = await this.#prepare(this.#current);
    await change.commit();
    this.#state = 'serving';
    this.#admin.readinessChanged();
    this.#warn(this.#hooks.loaded, this.#remarksOn(this.#current.config));
    try {
      for (const source of this.#sources) source.start(this.#sinkFor(source));
    } catch (error) {
      await this.#plane.drain();
      await this.#spans.close();
      await this.#admin.close();
      throw error;
    }
  }

  #sinkFor(source: Source): SourceSink {
    return {
      resources: (update) => {
        void this.#judgeFor(source, update);
      },
      endpoints: (update) => {
        const verdict = this.#endpoints.update(source, update);
        const fields = { upstream: update.upstream, version: update.version, verdict };
        if (REFUSED_UPDATES.has(verdict)) this.#logger.warn(fields, 'an update of endpoints changes nothing');
        else if (update.endpoints.length === 0 && update.whyNone === undefined)
          this.#logger.warn(fields, 'the upstream has no endpoints now');
      },
    };
  }

  /** Never rejects. */
  async #judgeFor(source: Source, update: ResourceUpdate): Promise<void> {
    const verdict = await this.#judge(update);
    try {
      source.judged(verdict, update.version);
    } catch (error) {
      this.#logger.error({ err: error }, 'internal error: a source failed; please report this');
    }
  }

  /** Puts to use what a source has offered, if possible. Never rejects. */
  async #judge(update: ResourceUpdate): Promise<Verdict> {
    try {
      const { epoch, changes, remarks } = await this.apply(update.config, update);
      const located = remarks.map((remark) => locateFinding(remark, update));
      const findings = sortProblems([...update.warnings, ...located]);
      this.#warnings = findings.map(formatProblem);
      return { outcome: 'accepted', epoch, changes, findings };
    } catch (error) {
      // What goes wrong now says nothing about the configuration or Framegate: listeners close and workers end under the preparation.
      if (this.#state !== 'serving') {
        this.#logger.debug({ err: error }, 'the change of the configuration was abandoned');
        return { outcome: 'abandoned', reason: `the proxy is ${this.#state}` };
      }
      if (error instanceof UnusableConfig) return { outcome: 'refused', findings: problemsOf(error, update) };
      return { outcome: 'failed', error };
    }
  }

  /** Warnings that depend on where the configuration is put to use. */
  #remarksOn(config: Config): readonly Finding[] {
    const { carriers } = this.#plane;
    const wanted = this.#hooks.processesFor?.(config) ?? carriers;
    return findRemarks(config, wanted, { carriers, log: this.#firstLog });
  }

  /** Logs the remarks only: the warnings of the file itself were printed when it was first read. A reload logs both. */
  #warn(loaded: LoadedConfig | undefined, remarks: readonly Finding[]): void {
    if (loaded === undefined) return;
    const located: readonly ConfigProblem[] = remarks.map((remark) => locateFinding(remark, loaded));
    const warnings = sortProblems(located).map(formatProblem);
    for (const warning of warnings) this.#logger.warn({ epoch: this.#current.epoch }, warning);
    this.#warnings = [...this.#warnings, ...warnings];
  }

  /**
   * Puts another configuration to use, completely or not at all. Several calls are processed one after the other. Running exchanges
   * keep the configuration they began with. Rejects with UnusableConfig if it cannot be used, and with another error once the proxy
   * drains; then nothing has changed.
   */
  apply(config: Config, origins?: Origins): Promise<AppliedConfig> {
    return this.#serially(async () => {
      this.#wantServing();
      const before = this.#current;
      const next = { epoch: before.epoch + 1, config, loadedAtEpochMs: Date.now(), origins };
      const change = await this.#prepare(next);
      if (this.#state !== 'serving') await change.discard();
      this.#wantServing();
      await change.commit();
      const changes = configChanges(before.config, config);
      return { epoch: next.epoch, changes, remarks: this.#remarksOn(config) };
    });
  }

  #wantServing(): void {
    if (this.#state !== 'serving') throw new Error(`the proxy is ${this.#state}`);
  }

  async #prepare(next: CurrentConfig): Promise<Change> {
    const endpoints = this.#endpoints.prepare(next.config);
    const discovery = await this.#discovery.prepare(next.config);
    const parts = [
      () => this.#admin.prepare(next.config.admin),
      () => this.#spans.prepare(next.config.trace),
      () => this.#watches.prepareStores(next.config),
    ];
    const [beside, plane] = await prepareBoth(
      () => prepareAll(parts),
      () => this.#plane.prepare(next.config, next.epoch, () => this.#endpoints.known),
    ).catch((error: unknown) => {
      void discovery.discard();
      void endpoints.discard();
      throw error;
    });
    return {
      commit: async () => {
        this.#current = next;
        void beside.commit();
        void discovery.commit();
        void endpoints.commit();
        const committed = plane.commit();
        this.#watches.use(next.config, () => this.#endpoints.known);
        this.#dashboard.use(next);
        this.#useSettings(next.config);
        this.#describeOpened(plane.opened);
        this.#room.describe(next.config, this.#plane.carriers);
        await committed;
        this.#certificateWatch.checkExpiry();
      },
      discard: async () => {
        await Promise.all([beside.discard(), discovery.discard(), endpoints.discard(), plane.discard()]);
      },
    };
  }

  /** Reads the configuration file again and puts it to use. Never rejects; what went wrong is logged, too. */
  reload(trigger: ReloadTrigger): Promise<ReloadResult> {
    return this.#file.reload(trigger);
  }

  /** Begins the task when the previous one has ended, whether or not it succeeded. */
  #serially<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#changes.then(task, task);
    this.#changes = result.catch(() => undefined);
    return result;
  }

  #useSettings({ log, reload }: Config): void {
    this.#logger.use(log);
    this.#file.watchEvery(reload.watchMs);
    this.#certificateWatch.setInterval(reload.certificatesMs);
  }

  #describeOpened(opened: readonly PlaneListener[]): void {
    for (const { name, address, config } of opened) {
      this.#logger.info({ listener: name, address, tls: config.tls !== undefined }, 'listener is open');
    }
  }

  #adminState(): AdminState {
    return adminState({
      plane: this.#plane,
      logger: this.#logger,
      file: this.#file,
      endpoints: this.#endpoints,
      discovery: this.#discovery,
      watches: this.#watches,
      dashboard: this.#dashboard,
      adminMetrics: () => this.#admin.counts.metrics,
      spans: this.#spans,
      current: () => ({ ...this.#current, warnings: this.#warnings }),
      readiness: () => this.#readiness(),
      drain: (client) => this.#requestDrain(client),
    });
  }

  get #whyNotReady(): string | undefined {
    return this.#state === 'serving' ? this.#plane.obstacle : this.#state;
  }

  #readiness(): Readiness {
    const reason = this.#whyNotReady;
    return reason === undefined ? { ready: true } : { ready: false, reason };
  }

  async #requestDrain(client: string): Promise<AdminReply> {
    const { onDrainRequested = () => this.drain().catch(() => undefined) } = this.#hooks;
    if (this.#state === 'serving') onDrainRequested(client);
    const { calls } = await this.#plane.report();
    return { status: 202, body: { state: 'draining', calls } };
  }

  /**
   * Stops the proxy. It is no longer ready at once, and accepts no new connection after drain.delay. Existing connections get a two-step
   * GOAWAY, and running calls have drain.timeout to finish before they are ended with UNAVAILABLE. Resolves when everything is closed.
   */
  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  async #drain(): Promise<void> {
    this.#state = 'draining';
    this.#admin.readinessChanged();
    this.#stopWatches();
    const { timeoutMs, delayMs } = this.#current.config.drain;
    if (delayMs > 0) {
      this.#logger.info({ delayMs }, 'not ready any more; listeners stay open for drain.delay');
      await setTimeoutPromise(delayMs);
    }
    this.#logger.info({ ...this.load, timeoutMs }, 'draining');
    await this.#plane.drain();
    await this.#spans.close();
    this.#closeSources();
    await this.#admin.close();
    this.#state = 'stopped';
    this.#logger.info({}, 'stopped');
  }

  /** From here on, no changed file starts a reload or a change of certificates. */
  #stopWatches(): void {
    this.#file.close();
    this.#certificateWatch.close();
  }

  /** Called only after the last call has ended, since endpoints keep changing while calls drain. */
  #closeSources(): void {
    for (const source of this.#sources) source.close();
    this.#discovery.close();
    this.#endpoints.close();
    this.#watches.close();
    this.#dashboard.close();
  }
}
