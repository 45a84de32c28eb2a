// The composition root: from a configuration to open listeners, a relay, a bridge and upstreams, and back again.

import { type AdminServer, openAdminServer } from '../admin/admin-server.ts';
import { Bridge } from '../bridge/bridge.ts';
import { GrpcWebEntry } from '../bridge/grpc-web-entry.ts';
import type { Config, ListenerConfig } from '../config/config.ts';
import { type Listener, openListener } from '../listeners/listener.ts';
import { makeRefusal } from '../listeners/refusal.ts';
import { AccessLog } from '../observability/access-log.ts';
import { DiagnosisRing } from '../observability/diagnosis-ring.ts';
import type { LogDestination } from '../observability/log-destination.ts';
import type { Logger } from '../observability/logger.ts';
import { failure } from '../relay/failure.ts';
import { Relay } from '../relay/relay.ts';
import { RequestIds } from '../relay/request-id.ts';
import { buildSnapshot, type ProxySnapshot } from './build-snapshot.ts';
import { CallDiagnoses } from './call-diagnoses.ts';
import { ProcessLog } from './process-log.ts';

type ProxyState = 'starting' | 'serving' | 'draining' | 'stopped';

export class Proxy {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #diagnoses = new DiagnosisRing();
  readonly #log: ProcessLog;
  readonly #snapshot: ProxySnapshot;
  readonly #relay: Relay;
  readonly #bridge: Bridge;
  #state: ProxyState = 'starting';
  #listeners: readonly Listener[] = [];
  #admin: AdminServer | undefined = undefined;

  private constructor(config: Config, logger: Logger, destination: LogDestination) {
    this.#config = config;
    this.#logger = logger;
    this.#log = new ProcessLog(logger, this.#diagnoses);
    const log = this.#log;
    const requestIds = new RequestIds();
    const accessLog = config.log.access ? new AccessLog({ destination, logger, requestIds }) : undefined;
    const observer = new CallDiagnoses(accessLog, log, this.#diagnoses);
    this.#snapshot = buildSnapshot(config, log);
    this.#relay = new Relay(this.#snapshot, observer, requestIds, (client, error) =>
      log.violation(client, error),
    );
    const grpcWeb = new GrpcWebEntry(this.#relay);
    this.#bridge = new Bridge({
      snapshot: () => this.#snapshot,
      observer,
      requestIds,
      http1Upstream: (name) => this.#snapshot.http1Upstreams.get(name),
      handleGrpcWeb: (request, response, peer) => grpcWeb.handle(request, response, peer),
      onRefused: ({ listener, client }, token, detail) =>
        log.refused(makeRefusal(listener, client, token, detail)),
    });
  }

  /** Resolves when every listener is open. Rejects, with nothing left open, when one cannot be. */
  static async start(config: Config, logger: Logger, destination: LogDestination): Promise<Proxy> {
    const proxy = new Proxy(config, logger, destination);
    try {
      await proxy.#open();
    } catch (error) {
      await proxy.#closeListeners();
      await proxy.#admin?.close();
      throw error;
    }
    return proxy;
  }

  get listeners(): readonly Listener[] {
    return this.#listeners;
  }

  /** Calls and HTTP/1.1 requests that run. */
  get #exchangeCount(): number {
    return this.#relay.exchangeCount + this.#bridge.exchangeCount;
  }

  async #open(): Promise<void> {
    if (this.#config.admin !== undefined) {
      const state = { readiness: () => this.#readiness(), diagnoses: () => this.#diagnoses.report() };
      this.#admin = await openAdminServer(this.#config.admin, state, this.#logger);
      this.#logger.info({ address: this.#admin.address.text }, 'admin server listens');
    }
    for (const listenerConfig of this.#config.listeners) {
      const listener = await this.#openListener(listenerConfig);
      this.#listeners = [...this.#listeners, listener];
      const tls = listenerConfig.tls !== undefined;
      this.#logger.info({ listener: listener.name, address: listener.address, tls }, 'listener is open');
    }
    this.#state = 'serving';
  }

  #openListener(config: ListenerConfig): Promise<Listener> {
    return openListener(config, {
      onHttp2: (socket, peer, head) => this.#relay.accept(socket, peer, head),
      onHttp1Request: (request, response, peer) => this.#bridge.handleRequest(request, response, peer),
      onHttp1Upgrade: (request, socket, head, peer) =>
        this.#bridge.handleUpgrade(request, socket, head, peer),
      onRefused: (refusal) => this.#log.refused(refusal),
    });
  }

  #readiness(): { readonly ready: true } | { readonly ready: false; readonly reason: string } {
    return this.#state === 'serving' ? { ready: true } : { ready: false, reason: this.#state };
  }

  /**
   * Stops: no new connection, two-step GOAWAY on those there are, running calls have drain.timeout to finish and are
   * then ended with UNAVAILABLE. Resolves when all is closed.
   */
  async drain(): Promise<void> {
    if (this.#state === 'draining' || this.#state === 'stopped') return;
    this.#state = 'draining';
    const { timeoutMs } = this.#config.drain;
    this.#logger.info(
      { connections: this.#relay.connectionCount, calls: this.#exchangeCount, timeoutMs },
      'draining',
    );
    await this.#closeListeners();
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => this.#abort(), timeoutMs);
    await Promise.all([this.#relay.drain(), this.#bridge.drain()]);
    clearTimeout(timer);
    for (const upstream of this.#snapshot.upstreams.values()) upstream.destroy('the proxy has stopped');
    for (const upstream of this.#snapshot.http1Upstreams.values()) upstream.close();
    await this.#admin?.close();
    this.#state = 'stopped';
    this.#logger.info({}, 'stopped');
  }

  #abort(): void {
    this.#logger.warn(
      { calls: this.#exchangeCount },
      'drain.timeout has passed; ending the calls that are left',
    );
    const cause = failure(
      'draining',
      'The proxy is stopping and the time for running calls is over; call again.',
    );
    this.#relay.abort(cause);
    this.#bridge.abort(cause);
  }

  async #closeListeners(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }
}
