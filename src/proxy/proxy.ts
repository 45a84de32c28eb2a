// The composition root: from a configuration to open listeners, a relay, a bridge and upstreams, from that to those of the
// next configuration, and back again. A running exchange never learns of a change.

import { setTimeout as setTimeoutPromise } from 'node:timers/promises';
import type { AdminReply, Readiness } from '../admin/admin-server.ts';
import { Bridge } from '../bridge/bridge.ts';
import { GrpcWebEntry } from '../bridge/grpc-web-entry.ts';
import type { Config } from '../config/config.ts';
import type { Listener, ListenerHandler } from '../listeners/listener.ts';
import { makeRefusal } from '../listeners/refusal.ts';
import { AccessLog } from '../observability/access-log.ts';
import { DiagnosisRing } from '../observability/diagnosis-ring.ts';
import type { LogDestination } from '../observability/log-destination.ts';
import type { Logger } from '../observability/logger.ts';
import { failure } from '../relay/failure.ts';
import { Relay, type RunningCall } from '../relay/relay.ts';
import { RequestIds } from '../relay/request-id.ts';
import { AdminPort } from './admin-port.ts';
import { buildSnapshot, http1Of, type ProxySnapshot, retireUpstreams } from './build-snapshot.ts';
import { CallDiagnoses } from './call-diagnoses.ts';
import { CertificateWatch } from './certificate-watch.ts';
import { type ConfigChanges, configChanges } from './config-changes.ts';
import { configReport } from './config-report.ts';
import { ConfigWatch } from './config-watch.ts';
import { DescriptorWatch } from './descriptor-watch.ts';
import { DrainProgress } from './drain-progress.ts';
import { type Clientele, ListenerSet } from './listener-set.ts';
import { prepareChange } from './prepared-change.ts';
import { ProcessLog } from './process-log.ts';
import { type ReloadResult, Reloads, type ReloadTrigger, reloadReply } from './reloads.ts';
import { type TlsUser, tlsUsers } from './tls-users.ts';

type ProxyState = 'starting' | 'serving' | 'draining' | 'stopped';

/** What the process around it wants to know. */
export interface ProxyHooks {
  /** Somebody asked for the end (POST /api/drain); without it the proxy drains by itself. */
  readonly onDrainRequested?: () => void;
  readonly onReloadBegin?: () => void;
  /** However it went. */
  readonly onReloadEnd?: () => void;
}

type ProxyParts = [config: Config, logger: Logger, destination: LogDestination, hooks?: ProxyHooks];

export class Proxy {
  readonly #logger: Logger;
  readonly #hooks: ProxyHooks;
  readonly #diagnoses = new DiagnosisRing();
  readonly #log: ProcessLog;
  readonly #accessLog: AccessLog;
  readonly #observer: CallDiagnoses;
  readonly #relay: Relay;
  readonly #bridge: Bridge;
  readonly #listenerSet: ListenerSet;
  readonly #admin: AdminPort;
  readonly #reloads: Reloads;
  readonly #configWatch: ConfigWatch;
  readonly #certificateWatch: CertificateWatch;
  #snapshot: ProxySnapshot;
  #state: ProxyState = 'starting';
  #descriptors: DescriptorWatch | undefined = undefined;
  /** The end of the last change that was begun. */
  #changes: Promise<unknown> = Promise.resolve();
  #drained: Promise<void> | undefined = undefined;

  private constructor(...[config, logger, destination, hooks = {}]: ProxyParts) {
    this.#logger = logger;
    this.#hooks = hooks;
    this.#log = new ProcessLog(logger, this.#diagnoses);
    const log = this.#log;
    const requestIds = new RequestIds();
    this.#accessLog = new AccessLog({ destination, logger, requestIds });
    this.#observer = new CallDiagnoses(undefined, log, this.#diagnoses);
    this.#snapshot = buildSnapshot(config, log);
    this.#relay = new Relay(this.#snapshot, this.#observer, requestIds, (client, error) =>
      log.violation(client, error),
    );
    this.#bridge = this.#makeBridge(requestIds);
    this.#listenerSet = new ListenerSet((clientele) => this.#handlerFor(clientele));
    this.#admin = new AdminPort(this.#adminState(), logger);
    this.#reloads = this.#makeReloads(config.file);
    this.#configWatch = new ConfigWatch(config.file, () => this.requestReload('watch'));
    this.#certificateWatch = new CertificateWatch({
      users: () => this.#tlsUsers,
      serially: (task) => this.#serially(task),
      logger,
    });
  }

  /** Resolves when every listener is open. Rejects, with nothing left open, when one cannot be. */
  static async start(...parts: ProxyParts): Promise<Proxy> {
    const proxy = new Proxy(...parts);
    try {
      await proxy.#open();
    } catch (error) {
      proxy.#stopWatches();
      throw error;
    }
    return proxy;
  }

  get listeners(): readonly Listener[] {
    return this.#listenerSet.listeners;
  }

  /** What runs now; `calls` are HTTP/1.1 requests as well. */
  get load(): { readonly connections: number; readonly calls: number } {
    const calls = this.#relay.exchangeCount + this.#bridge.exchangeCount;
    return { connections: this.#relay.connectionCount, calls };
  }

  get #runningCalls(): readonly RunningCall[] {
    return [...this.#relay.runningCalls, ...this.#bridge.runningCalls];
  }

  get #tlsUsers(): readonly TlsUser[] {
    return tlsUsers(this.listeners, this.#snapshot);
  }

  #makeBridge(requestIds: RequestIds): Bridge {
    const grpcWeb = new GrpcWebEntry(this.#relay);
    return new Bridge({
      snapshot: () => this.#snapshot,
      observer: this.#observer,
      requestIds,
      http1Upstream: (upstream) => http1Of(upstream),
      handleGrpcWeb: (request, response, peer, snapshot) => {
        const last = snapshot === this.#snapshot ? undefined : snapshot;
        grpcWeb.handle(request, response, peer, last);
      },
      onRefused: ({ listener, client }, token, detail) =>
        this.#log.refused(makeRefusal(listener, client, token, detail)),
    });
  }

  #makeReloads(file: string): Reloads {
    return new Reloads({
      file,
      logger: this.#logger,
      apply: (config) => this.apply(config),
      obstacle: () => (this.#state === 'serving' ? undefined : `the proxy is ${this.#state}`),
      onBegin: () => this.#hooks.onReloadBegin?.(),
      onEnd: () => this.#hooks.onReloadEnd?.(),
    });
  }

  #handlerFor(clientele: Clientele): ListenerHandler {
    return {
      onHttp2: (socket, peer, head) => this.#relay.accept(socket, peer, head, clientele.last),
      onHttp1Request: (request, response, peer) =>
        this.#bridge.handleRequest(request, response, peer, clientele.last),
      onHttp1Upgrade: (request, socket, head, peer) =>
        this.#bridge.handleUpgrade(request, socket, head, peer, clientele.last),
      onRefused: (refusal) => this.#log.refused(refusal),
    };
  }

  async #open(): Promise<void> {
    const { config } = this.#snapshot;
    const change = await prepareChange(config, this.#snapshot, this.#listenerSet, this.#admin);
    change.apply(this.#snapshot);
    this.#describeOpened(change.opened);
    this.#useSettings(config);
    this.#certificateWatch.checkExpiry();
    this.#descriptors = new DescriptorWatch((code) => this.#withoutDescriptors(code));
    this.#state = 'serving';
  }

  /**
   * Puts another configuration to use, completely or not at all, one after the other. Exchanges that run stay on the
   * one they began with. Rejects with UnusableConfig where it cannot be, and then nothing has changed.
   */
  apply(config: Config): Promise<{ readonly epoch: number; readonly changes: ConfigChanges }> {
    return this.#serially(async () => {
      const before = this.#snapshot;
      const next = buildSnapshot(config, this.#log, before);
      const change = await prepareChange(config, next, this.#listenerSet, this.#admin);
      if (this.#state !== 'serving') {
        await change.discard();
        throw new Error(`the proxy is ${this.#state}`);
      }
      this.#snapshot = next;
      const left = change.apply(before);
      this.#relay.replaceSnapshot(next, ({ listener }) => left.has(listener));
      retireUpstreams(before, next);
      this.#useSettings(config);
      this.#describeOpened(change.opened);
      this.#certificateWatch.checkExpiry();
      return { epoch: next.epoch, changes: configChanges(before.config, config) };
    });
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

  /** What is no part of the snapshot, since it belongs to no exchange. */
  #useSettings({ log, reload }: Config): void {
    this.#logger.level = log.level;
    this.#observer.next = log.access ? this.#accessLog : undefined;
    this.#configWatch.setInterval(reload.watchMs);
    this.#certificateWatch.setInterval(reload.certificatesMs);
  }

  #describeOpened(opened: readonly Listener[]): void {
    for (const { name, address, config } of opened) {
      this.#logger.info({ listener: name, address, tls: config.tls !== undefined }, 'listener is open');
    }
  }

  #withoutDescriptors(code: string): void {
    const detail = `no file descriptor is left (${code}): new clients are turned away`;
    for (const { name } of this.listeners) this.#log.refused(makeRefusal(name, '', 'listener_error', detail));
  }

  #adminState() {
    return {
      readiness: () => this.#readiness(),
      diagnoses: () => this.#diagnoses.report(),
      config: () => configReport(this.#snapshot, this.#runningCalls, this.#tlsUsers, this.#reloads.report),
      reload: async () => reloadReply(await this.reload('api')),
      drain: () => this.#requestDrain(),
    };
  }

  #readiness(): Readiness {
    return this.#state === 'serving' ? { ready: true } : { ready: false, reason: this.#state };
  }

  #requestDrain(): AdminReply {
    const { onDrainRequested = () => this.drain().catch(() => undefined) } = this.#hooks;
    if (this.#state === 'serving') onDrainRequested();
    return { status: 202, body: { state: 'draining', calls: this.load.calls } };
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
    const { timeoutMs, delayMs } = this.#snapshot.config.drain;
    if (delayMs > 0) {
      this.#logger.info({ delayMs }, 'not ready any more; listeners stay open for drain.delay');
      await setTimeoutPromise(delayMs);
    }
    this.#logger.info({ ...this.load, timeoutMs }, 'draining');
    await this.#listenerSet.close();
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => this.#abort(), timeoutMs);
    const progress = new DrainProgress(this.#logger, () => this.#runningCalls);
    await Promise.all([this.#relay.drain(), this.#bridge.drain(), this.#listenerSet.settled()]);
    // What has become of the last connections, which were in their handshake when the listeners closed.
    await Promise.all([this.#relay.drain(), this.#bridge.drain()]);
    clearTimeout(timer);
    progress.close();
    for (const { upstream, http1 } of this.#snapshot.built.values()) {
      upstream.destroy('the proxy has stopped');
      http1?.close();
    }
    this.#descriptors?.close();
    await this.#admin.close();
    this.#state = 'stopped';
    this.#logger.info({}, 'stopped');
  }

  #stopWatches(): void {
    this.#configWatch.setInterval(undefined);
    this.#certificateWatch.close();
  }

  #abort(): void {
    this.#logger.warn({ calls: this.load.calls }, 'drain.timeout has passed; ending the calls that are left');
    const cause = failure(
      'draining',
      'The proxy is stopping and the time for running calls is over; call again.',
    );
    this.#relay.abort(cause);
    this.#bridge.abort(cause);
  }
}
