// The composition root: from a configuration to open listeners, a relay and upstreams, and back again.

import { type AdminServer, openAdminServer } from '../admin/admin-server.ts';
import type { Config } from '../config/config.ts';
import { type Listener, openListener } from '../listeners/listener.ts';
import { makeRefusal } from '../listeners/refusal.ts';
import { AccessLog } from '../observability/access-log.ts';
import type { LogDestination } from '../observability/log-destination.ts';
import type { Logger } from '../observability/logger.ts';
import type { ExchangeObserver } from '../relay/exchange-record.ts';
import { failure } from '../relay/failure.ts';
import { localSettings, Relay } from '../relay/relay.ts';
import { RequestIds } from '../relay/request-id.ts';
import type { Snapshot } from '../relay/snapshot.ts';
import { compileRoutes } from '../routing/route-table.ts';
import { Upstream } from '../upstreams/upstream.ts';
import { refuseHttp1 } from './http1-refusal.ts';
import { ProcessLog } from './process-log.ts';

type ProxyState = 'starting' | 'serving' | 'draining' | 'stopped';

export class Proxy {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #relay: Relay;
  readonly #log: ProcessLog;
  #state: ProxyState = 'starting';
  #listeners: readonly Listener[] = [];
  #admin: AdminServer | undefined = undefined;

  private constructor(config: Config, logger: Logger, destination: LogDestination) {
    this.#config = config;
    this.#logger = logger;
    this.#log = new ProcessLog(logger);
    const requestIds = new RequestIds();
    const observer: ExchangeObserver = config.log.access
      ? new AccessLog({ destination, logger, requestIds })
      : { onExchangeFinished() {} };
    this.#relay = new Relay(buildSnapshot(config, this.#log), observer, requestIds, (client, error) =>
      this.#log.violation(client, error),
    );
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

  async #open(): Promise<void> {
    if (this.#config.admin !== undefined) {
      const state = { readiness: () => this.#readiness() };
      this.#admin = await openAdminServer(this.#config.admin, state, this.#logger);
      this.#logger.info({ address: this.#admin.address.text }, 'admin server listens');
    }
    for (const listenerConfig of this.#config.listeners) {
      const listener = await openListener(listenerConfig, {
        onHttp2: (socket, peer, head) => this.#relay.accept(socket, peer, head),
        onHttp1Request: (request, response, peer) => {
          refuseHttp1(request, response);
          this.#log.refused(makeRefusal(listenerConfig.name, peer.client, 'http1_on_grpc_port'));
        },
        onRefused: (refusal) => this.#log.refused(refusal),
      });
      this.#listeners = [...this.#listeners, listener];
      const tls = listenerConfig.tls !== undefined;
      this.#logger.info({ listener: listener.name, address: listener.address, tls }, 'listener is open');
    }
    this.#state = 'serving';
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
      { connections: this.#relay.connectionCount, calls: this.#relay.exchangeCount, timeoutMs },
      'draining',
    );
    await this.#closeListeners();
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => this.#abort(), timeoutMs);
    await this.#relay.drain();
    clearTimeout(timer);
    for (const upstream of this.#relay.snapshot.upstreams.values()) upstream.destroy('the proxy has stopped');
    await this.#admin?.close();
    this.#state = 'stopped';
    this.#logger.info({}, 'stopped');
  }

  #abort(): void {
    this.#logger.warn(
      { calls: this.#relay.exchangeCount },
      'drain.timeout has passed; ending the calls that are left',
    );
    this.#relay.abort(
      failure('draining', 'The proxy is stopping and the time for running calls is over; call again.'),
    );
  }

  async #closeListeners(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }
}

function buildSnapshot(config: Config, log: ProcessLog): Snapshot {
  const settings = localSettings(config);
  return {
    routes: compileRoutes(config.routes),
    upstreams: new Map(
      config.upstreams.map((upstream) => [
        upstream.name,
        new Upstream(upstream, settings, log.upstreamEvents(upstream.name)),
      ]),
    ),
    limits: config.limits,
  };
}
