// The composition root, and the control of a running proxy: from a configuration to a plane that carries calls, from that to
// the next configuration, and back again. Admin server, reloads, watched files and the order of stopping are here; what
// carries calls is the plane's.

import { setTimeout as setTimeoutPromise } from 'node:timers/promises';
import type { AdminReply, AdminState, Readiness } from '../admin/admin-server.ts';
import { type Change, prepareBoth } from '../config/change.ts';
import type { Config } from '../config/config.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import { type Finding, formatProblem, locateFinding, sortProblems } from '../config/problem.ts';
import type { Logger } from '../observability/logger.ts';
import { AdminPort } from './admin-port.ts';
import { CertificateWatch } from './certificate-watch.ts';
import { clientRoom, findLackOfMemory, findLackOfRoom, findOtherWorkers } from './client-room.ts';
import { configChanges } from './config-changes.ts';
import { type CurrentConfig, configReport } from './config-report.ts';
import { ConfigWatch } from './config-watch.ts';
import { controlMetrics } from './control-metrics.ts';
import type { Load, Plane, PlaneListener } from './plane.ts';
import {
  type AppliedConfig,
  type ReloadResult,
  Reloads,
  type ReloadTrigger,
  reloadReply,
} from './reloads.ts';

type ProxyState = 'starting' | 'serving' | 'draining' | 'stopped';

/** What the process around it wants to know. */
export interface ProxyHooks {
  /** Somebody asked for the end (POST /api/drain); without it the proxy drains by itself. */
  readonly onDrainRequested?: () => void;
  readonly onReloadBegin?: () => void;
  /** However it went. */
  readonly onReloadEnd?: () => void;
  /** The configuration it starts with, as it was read: for its warnings and their places. */
  readonly loaded?: LoadedConfig;
  /** How many processes would carry calls with another configuration, were it started again. */
  readonly processesFor?: (config: Config) => number;
}

export class Proxy {
  readonly #plane: Plane;
  readonly #logger: Logger;
  readonly #hooks: ProxyHooks;
  readonly #admin: AdminPort;
  readonly #reloads: Reloads;
  readonly #configWatch: ConfigWatch;
  readonly #certificateWatch: CertificateWatch;
  #current: CurrentConfig;
  /** Of the configuration in force, as `framegate check` prints them. */
  #warnings: readonly string[];
  #state: ProxyState = 'starting';
  /** The end of the last change that was begun. */
  #changes: Promise<unknown> = Promise.resolve();
  #drained: Promise<void> | undefined = undefined;
  /** As it was said last. */
  #room = '';

  private constructor(plane: Plane, config: Config, logger: Logger, hooks: ProxyHooks) {
    this.#plane = plane;
    this.#logger = logger;
    this.#hooks = hooks;
    this.#current = { epoch: 1, config, loadedAtEpochMs: Date.now() };
    this.#warnings = hooks.loaded?.warnings.map(formatProblem) ?? [];
    this.#admin = new AdminPort(this.#adminState(), logger);
    this.#reloads = this.#makeReloads(config.file);
    this.#configWatch = new ConfigWatch(config.file, () => this.requestReload('watch'));
    this.#certificateWatch = new CertificateWatch({
      users: () => plane.tlsUsers,
      serially: (task) => this.#serially(task),
      logger,
    });
  }

  /**
   * Resolves when every listener is open. Rejects, with nothing left open, when one cannot be.
   * @param plane made of the same configuration; nothing of it is open yet
   */
  static async start(plane: Plane, config: Config, logger: Logger, hooks: ProxyHooks = {}): Promise<Proxy> {
    const proxy = new Proxy(plane, config, logger, hooks);
    try {
      await proxy.#open();
    } catch (error) {
      proxy.#stopWatches();
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

  #makeReloads(file: string): Reloads {
    return new Reloads({
      file,
      logger: this.#logger,
      apply: (config) => this.apply(config),
      onWarnings: (warnings) => {
        this.#warnings = warnings;
      },
      obstacle: () => (this.#state === 'serving' ? undefined : `the proxy is ${this.#state}`),
      onBegin: () => this.#hooks.onReloadBegin?.(),
      onEnd: () => this.#hooks.onReloadEnd?.(),
    });
  }

  async #open(): Promise<void> {
    const change = await this.#prepare(this.#current);
    await change.commit();
    this.#state = 'serving';
    this.#warn(this.#hooks.loaded, this.#remarksOn(this.#current.config));
  }

  /** What is only known where the configuration is put to use. */
  #remarksOn(config: Config): readonly Finding[] {
    const { carriers } = this.#plane;
    const wanted = this.#hooks.processesFor?.(config) ?? carriers;
    return [
      ...findOtherWorkers(wanted, carriers),
      ...findLackOfRoom(config, carriers),
      ...findLackOfMemory(config, carriers),
    ];
  }

  /** Those of the file were printed when it was read first; a reload logs them all. */
  #warn(loaded: LoadedConfig | undefined, remarks: readonly Finding[]): void {
    if (loaded === undefined) return;
    const { file } = this.#current.config;
    const warnings = sortProblems(remarks.map((remark) => locateFinding(remark, file, loaded))).map(
      formatProblem,
    );
    for (const warning of warnings) this.#logger.warn({ epoch: this.#current.epoch }, warning);
    this.#warnings = [...this.#warnings, ...warnings];
  }

  /**
   * Puts another configuration to use, completely or not at all, one after the other. Exchanges that run stay on the
   * one they began with. Rejects with UnusableConfig where it cannot be, and then nothing has changed.
   */
  apply(config: Config): Promise<AppliedConfig> {
    return this.#serially(async () => {
      const before = this.#current;
      const next = { epoch: before.epoch + 1, config, loadedAtEpochMs: Date.now() };
      const change = await this.#prepare(next);
      if (this.#state !== 'serving') {
        await change.discard();
        throw new Error(`the proxy is ${this.#state}`);
      }
      await change.commit();
      const changes = configChanges(before.config, config);
      return { epoch: next.epoch, changes, remarks: this.#remarksOn(config) };
    });
  }

  async #prepare(next: CurrentConfig): Promise<Change> {
    const [admin, plane] = await prepareBoth(
      () => this.#admin.prepare(next.config.admin),
      () => this.#plane.prepare(next.config, next.epoch),
    );
    return {
      commit: async () => {
        this.#current = next;
        void admin.commit();
        const committed = plane.commit();
        this.#useSettings(next.config);
        this.#describeOpened(plane.opened);
        this.#describeRoom(next.config);
        await committed;
        this.#certificateWatch.checkExpiry();
      },
      discard: async () => {
        await Promise.all([admin.discard(), plane.discard()]);
      },
    };
  }

  /** Reads the configuration again and puts it to use. Never rejects; what went wrong is in the log too. */
  reload(trigger: ReloadTrigger): Promise<ReloadResult> {
    return this.#reloads.request(trigger);
  }

  requestReload(trigger: ReloadTrigger): void {
    this.reload(trigger).catch(() => undefined);
  }

  /** A change begins when the one before has ended, well or badly. */
  #serially<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#changes.then(task, task);
    this.#changes = result.catch(() => undefined);
    return result;
  }

  #useSettings({ log, reload }: Config): void {
    this.#logger.use(log);
    this.#configWatch.setInterval(reload.watchMs);
    this.#certificateWatch.setInterval(reload.certificatesMs);
  }

  #describeOpened(opened: readonly PlaneListener[]): void {
    for (const { name, address, config } of opened) {
      this.#logger.info({ listener: name, address, tls: config.tls !== undefined }, 'listener is open');
    }
  }

  #describeRoom(config: Config): void {
    const { fields, room } = clientRoom(config, this.#plane.carriers);
    if (room === this.#room) return;
    this.#room = room;
    this.#logger.info(fields, `there is room for ${room}`);
  }

  #adminState(): AdminState {
    return {
      readiness: () => this.#readiness(),
      diagnoses: () => this.#plane.diagnoses(),
      metrics: async () => {
        const ofPlane = await this.#plane.metrics();
        return [...ofPlane, ...controlMetrics(this.#reloads.report, this.#plane.tlsUsers)];
      },
      config: async () => {
        const report = await this.#plane.report();
        return configReport(
          { ...this.#current, warnings: this.#warnings },
          report,
          this.#plane.tlsUsers,
          this.#reloads.report,
        );
      },
      reload: async () => reloadReply(await this.reload('api')),
      drain: () => this.#requestDrain(),
    };
  }

  #readiness(): Readiness {
    const reason = this.#state === 'serving' ? this.#plane.obstacle : this.#state;
    return reason === undefined ? { ready: true } : { ready: false, reason };
  }

  async #requestDrain(): Promise<AdminReply> {
    const { onDrainRequested = () => this.drain().catch(() => undefined) } = this.#hooks;
    if (this.#state === 'serving') onDrainRequested();
    const { calls } = await this.#plane.report();
    return { status: 202, body: { state: 'draining', calls } };
  }

  /**
   * Stops: not ready at once, no new connection after drain.delay, two-step GOAWAY on those there are, running calls
   * have drain.timeout to finish and are then ended with UNAVAILABLE. Resolves when all is closed.
   */
  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  async #drain(): Promise<void> {
    this.#state = 'draining';
    this.#stopWatches();
    const { timeoutMs, delayMs } = this.#current.config.drain;
    if (delayMs > 0) {
      this.#logger.info({ delayMs }, 'not ready any more; listeners stay open for drain.delay');
      await setTimeoutPromise(delayMs);
    }
    this.#logger.info({ ...this.load, timeoutMs }, 'draining');
    await this.#plane.drain();
    await this.#admin.close();
    this.#state = 'stopped';
    this.#logger.info({}, 'stopped');
  }

  #stopWatches(): void {
    this.#configWatch.setInterval(undefined);
    this.#certificateWatch.close();
  }
}
