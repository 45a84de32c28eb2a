// Everything that carries calls within one process: listeners, relay, edges, and the upstreams of the configuration in force. A
// change of configuration is prepared completely and then committed in one synchronous step. It does not affect running
// exchanges.

import { failure } from '../calls/failure.ts';
import { type LivePage, type LiveQuery, mergeLiveParts } from '../calls/live-query.ts';
import type { ExchangeObserver } from '../calls/observers.ts';
import { RequestIds } from '../calls/request-id.ts';
import type { ListenerCalls } from '../calls/socket-report.ts';
import { prepareAll, prepareBoth } from '../config/change.ts';
import type { Config } from '../config/config.ts';
import type { EndpointUpdate, KnownEndpoints } from '../config/endpoint-update.ts';
import type { HealthUpdate } from '../config/health-update.ts';
import { rateLimitText } from '../config/limits-config.ts';
import type { LogLevel } from '../config/log-config.ts';
import type { WeightUpdate } from '../config/weight-update.ts';
import { clientProduct } from '../diagnosis/client-library.ts';
import { Http1Edge } from '../edges/http1-edge.ts';
import { Identities } from '../identities/identities.ts';
import { Quotas } from '../limits/quotas.ts';
import type { Listener } from '../listeners/listener.ts';
import { makeRefusal } from '../listeners/refusal.ts';
import { TicketKeys } from '../listeners/ticket-keys.ts';
import { AccessLog } from '../observability/access-log.ts';
import { ClientVersions } from '../observability/client-versions.ts';
import { type DiagnosisReport, DiagnosisRing } from '../observability/diagnosis-ring.ts';
import type { LogDestination } from '../observability/log-destination.ts';
import type { Logger } from '../observability/logger.ts';
import type { PolicyKind } from '../policies/policy-kinds.ts';
import type { Exchange } from '../relay/exchange.ts';
import { Relay, type RunningCall } from '../relay/relay.ts';
import type { DeliverSpans } from '../tracing/span-lines.ts';
import { Tracing } from '../tracing/tracing.ts';
import { Containment, type FaultReporter } from '../transport/containment.ts';
import { turnNowMs } from '../transport/turn-clock.ts';
import { askedQuestions } from './asked-questions.ts';
import {
  type BuildParts,
  buildSnapshot,
  closeReplaced,
  destroyUpstreams,
  type ProxySnapshot,
  prepareParts,
} from './build-snapshot.ts';
import { CallDiagnoses } from './call-diagnoses.ts';
import { CallEvents } from './call-events.ts';
import { clientEntry } from './client-entry.ts';
import { type ConnectFailed, ConnectFailures } from './connect-failures.ts';
import { DescriptorWatch } from './descriptor-watch.ts';
import { DrainProgress } from './drain-progress.ts';
import { type ChangesTold, EndpointChanges } from './endpoint-changes.ts';
import { ListenerSet, type SharedParts } from './listener-set.ts';
import { LiveCalls } from './live-calls.ts';
import { Outages, type OutageTold } from './outages.ts';
import { OverloadGuard } from './overload-guard.ts';
import type { DashboardReport, Load, Plane, PlaneChange } from './plane.ts';
import { PlaneMetrics } from './plane-metrics.ts';
import { PlaneReports } from './plane-reports.ts';
import { ProcessLog } from './process-log.ts';
import { SocketReports } from './socket-reports.ts';
import { type TlsUser, tlsUsers } from './tls-users.ts';
import { UpstreamUpdates } from './upstream-updates.ts';

export interface DataPlaneParts extends Pick<SharedParts, 'openSourceOf'> {
  /** How much memory the process uses, in bytes. The default asks the system. */
  readonly usedBytes?: () => number;
  readonly config: Config;
  /** The epoch of this configuration. The default is 1, the first configuration. */
  readonly epoch?: number;
  readonly logger: Logger;
  readonly destination: LogDestination;
  /** The kinds of policy that routes may have, in the order in which the policies are applied. The default is all kinds. */
  readonly policyKinds?: readonly PolicyKind[];
  /** How many processes carry calls, including this one. */
  readonly processes?: () => number;
  /** The number of this process among the workers. Undefined if it is the only one. */
  readonly worker?: number;
}

const NOTHING_KNOWN: KnownEndpoints = new Map();

export class DataPlane implements Plane {
  /** The session ticket keys of all its listeners. The creator of the plane starts their rotation or sets the keys of another process. */
  readonly ticketKeys = new TicketKeys();
  readonly #build: BuildParts;
  readonly #logger: Logger;
  readonly #processes: () => number;
  readonly #diagnoses = new DiagnosisRing();
  readonly #clients = new ClientVersions();
  readonly #metrics = new PlaneMetrics();
  readonly #log: ProcessLog;
  readonly #connectFailures = new ConnectFailures();
  readonly #outages = new Outages();
  readonly #endpointChanges = new EndpointChanges();
  readonly #accessLog: AccessLog;
  readonly #tracing = new Tracing();
  readonly #events: CallEvents;
  /** The observers of every exchange, except for those that are added while they are wanted: traces, the access log, events. */
  readonly #observers: readonly ExchangeObserver[];
  readonly #relay: Relay;
  readonly #http1: Http1Edge;
  readonly #listenerSet: ListenerSet;
  readonly #overload: OverloadGuard;
  readonly #reports: PlaneReports;
  /** What the limits of routes count. */
  readonly quotas = new Quotas(turnNowMs);
  readonly #updates = new UpstreamUpdates();
  /** The calls in flight of this process. */
  readonly liveCalls: LiveCalls<Exchange>;
  readonly #sockets: SocketReports;
  #snapshot: ProxySnapshot;
  /** Whether the first configuration is in use. */
  #isOpen = false;
  #isDraining = false;
  #descriptors: DescriptorWatch | undefined = undefined;

  /**
   * Opens nothing: `prepare` with the same configuration opens the listeners.
   * Throws UnusableConfig if TLS files of upstreams cannot be used.
   */
  constructor(parts: DataPlaneParts) {
    const { config, epoch = 1, logger, destination, openSourceOf, processes = () => 1, usedBytes } = parts;
    this.#logger = logger;
    this.#processes = processes;
    this.quotas.leases.processes = processes;
    this.#log = new ProcessLog(logger, this.#diagnoses, this.#metrics.counted.events, {
      onUnreachable: (upstream) => this.#connectFailures.note(upstream),
      onOutage: (owner, upstream, news) => this.#outages.note(owner, upstream, news),
      onEndpoint: (upstream, endpoint) => this.#endpointChanges.look(upstream, endpoint),
    });
    const log = this.#log;
    const requestIds = new RequestIds();
    this.#accessLog = new AccessLog({ destination, logger, requestIds });
    const { worker } = parts;
    this.#events = new CallEvents({
      requestIds,
      worker,
      onChange: () => this.#observe(),
      onFault: (error) => log.contained('relay', error),
    });
    const { counted } = this.#metrics;
    this.#observers = [counted.exchanges, new CallDiagnoses(log, this.#diagnoses, counted)];
    const identities = new Identities({ onFault: (error) => log.contained('policy', error) });
    const questions = askedQuestions(this.#metrics.questions, log);
    this.quotas.onRefused = ({ route, limit }, calls) =>
      this.#metrics.counted.events.limited(route, rateLimitText(limit), calls);
    this.quotas.onPacing = ({ route, limit }) =>
      this.#metrics.counted.events.pacedBy(route, rateLimitText(limit));
    this.quotas.onTried = (route, limit, calls) => this.#metrics.counted.events.tried(route, limit, calls);
    const { quotas } = this;
    this.#build = { log, policyKinds: parts.policyKinds, identities, quotas, questions };
    this.#snapshot = buildSnapshot(config, this.#build, epoch);
    this.#relay = new Relay(
      this.#snapshot,
      this.#observers,
      requestIds,
      (client, error) => log.violation(client, error),
      (error) => log.contained('relay', error),
    );
    this.#relay.onFirstRequest = (userAgent) => this.#clients.note(clientProduct(userAgent));
    this.#http1 = this.#makeHttp1Edge();
    this.liveCalls = new LiveCalls(() => this.#exchangeGroups(), requestIds);
    const upstreams = () => this.#snapshot.upstreams;
    this.#sockets = new SocketReports({ relay: this.#relay, upstreams, worker });
    this.#overload = new OverloadGuard({ relay: this.#relay, logger, ...(usedBytes && { usedBytes }) });
    this.#reports = new PlaneReports({
      metrics: this.#metrics,
      diagnoses: this.#diagnoses,
      clients: this.#clients,
      overload: this.#overload,
      log: destination,
      worker,
      snapshot: () => this.#snapshot,
      load: () => this.load,
      running: () => this.#runningCalls,
      blocked: () => this.liveCalls.countBlocked(),
      countHeldUp: () => this.liveCalls.countHeldUp(),
      decisions: () => this.#relay.decisions,
      tellWaits: () => this.#relay.tokenLines.tellWaits(),
    });
    const entry = { relay: this.#relay, http1: this.#http1, log, snapshot: () => this.#snapshot };
    const { limits } = this.#overload;
    const { ticketKeys } = this;
    const shared = { limits, ticketKeys, ...(openSourceOf && { openSourceOf }) };
    this.#listenerSet = new ListenerSet((clientele) => clientEntry(clientele, entry), shared);
  }

  get listeners(): readonly Listener[] {
    return this.#listenerSet.listeners;
  }

  get load(): Load {
    const calls = this.#relay.exchangeCount + this.#http1.exchangeCount;
    return { connections: this.#relay.connectionCount, calls };
  }

  get tlsUsers(): readonly TlsUser[] {
    return tlsUsers(this.listeners, this.#snapshot);
  }

  get obstacle(): string | undefined {
    return this.#isOpen ? undefined : 'starting';
  }

  get #runningCalls(): readonly RunningCall[] {
    return [...this.#relay.runningCalls, ...this.#http1.runningCalls];
  }

  *#exchangeGroups(): Generator<readonly Exchange[]> {
    yield* this.#relay.exchangesByConnection();
    yield this.#http1.runningCalls;
  }

  get carriers(): number {
    return this.#processes();
  }

  get diagnosisReport(): DiagnosisReport {
    return this.#reports.diagnoses();
  }

  readonly diagnoses: Plane['diagnoses'] = async () => this.diagnosisReport;
  readonly metrics: Plane['metrics'] = async () => this.#reports.metrics();
  readonly report: Plane['report'] = async () => this.#reports.report();
  readonly upstreams: Plane['upstreams'] = (query) => this.#reports.upstreams(query);
  readonly totals: Plane['totals'] = async () => this.#reports.totals();

  async figures(): Promise<DashboardReport> {
    return { ...(await this.#reports.figures()), workerRestarts: 0 };
  }

  async unusableUpstreams(): Promise<readonly string[]> {
    return [...this.#snapshot.upstreams].flatMap(([name, { hasUsable }]) => (hasUsable ? [] : [name]));
  }

  async listenerCalls(): Promise<readonly ListenerCalls[]> {
    return this.#metrics.counted.exchanges.listenerCalls;
  }

  readonly sockets: Plane['sockets'] = (query) => this.#sockets.find(query);

  async exchanges(query: LiveQuery): Promise<LivePage> {
    return mergeLiveParts([await this.liveCalls.find(query)], query);
  }

  readonly subscribe: Plane['subscribe'] = (query, sink) => this.#events.subscribe(query, sink);

  async prepare(config: Config, epoch: number, known = () => NOTHING_KNOWN): Promise<PlaneChange> {
    const next = this.#isOpen ? buildSnapshot(config, this.#build, epoch, this.#snapshot) : this.#snapshot;
    const before = this.#snapshot;
    const [parts, listeners] = await prepareBoth(
      () => prepareAll([() => prepareParts(next, this.#build), () => this.#tracing.prepare(config.trace)]),
      () => this.#listenerSet.prepare(config.listeners, before),
    );
    return {
      opened: listeners.opened,
      commit: () => {
        void parts.commit();
        void listeners.commit();
        this.#use(next, before, listeners.left, known());
      },
      discard: async () => {
        await Promise.all([parts.discard(), listeners.discard()]);
      },
    };
  }

  watchConnectFailures(tell: ConnectFailed): void {
    this.#connectFailures.onTold = tell;
  }

  watchOutages(tell: OutageTold): void {
    this.#outages.onTold = tell;
  }

  watchEndpoints(tell: ChangesTold): void {
    this.#endpointChanges.onTold = tell;
  }

  /** @param tell is called after each diagnosis */
  watchDiagnoses(tell: () => void): void {
    this.#diagnoses.watch(tell);
  }

  watchSpans(deliver: DeliverSpans): void {
    this.#tracing.deliverTo(deliver);
  }

  /** Ignores upstreams that the configuration in force does not have: only a process that is about to end gets such an update. */
  updateEndpoints(update: EndpointUpdate): void {
    const built = this.#snapshot.built.get(update.upstream);
    if (built === undefined) return;
    this.#updates.useEndpoints(update.upstream, built, update);
    this.#reports.endpointUpdates++;
  }

  updateHealth(update: HealthUpdate): void {
    this.#updates.updateHealth(update, this.#snapshot.built.get(update.upstream));
  }

  setLogLevel(level: LogLevel): void {
    this.#logger.level = level;
  }

  updateWeights(update: WeightUpdate): void {
    this.#updates.updateWeights(update, this.#snapshot.built.get(update.upstream));
  }

  readonly updateKeys: Plane['updateKeys'] = (update) => this.#build.identities.updateKeys(update);
  readonly watchWantedKeys: Plane['watchWantedKeys'] = (tell) => this.#build.identities.watchWantedKeys(tell);
  readonly updateStore: Plane['updateStore'] = (state) => this.quotas.leases.storeChanged(state);
  readonly watchLeaseAsks: Plane['watchLeaseAsks'] = (ask) => this.quotas.leases.connect(ask);

  /** @param left names of listeners whose clients must connect again */
  #use(next: ProxySnapshot, before: ProxySnapshot, left: ReadonlySet<string>, known: KnownEndpoints): void {
    this.#snapshot = next;
    if (this.#isOpen) this.#relay.replaceSnapshot(next, ({ listener }) => left.has(listener));
    for (const { name, endpoints } of next.config.upstreams) {
      const built = next.built.get(name);
      if (built !== undefined) this.#updates.useEndpoints(name, built, known.get(name) ?? { endpoints });
    }
    closeReplaced(before, next);
    this.quotas.use(next.config.routes, next.config.stores);
    this.#connectFailures.use(next.config);
    this.#metrics.upstreams.replaced(before, next);
    this.#overload.use(next.config, this.#processes());
    const { config } = next;
    this.#metrics.use(config);
    this.#observe();
    const { access, syslogPrefix } = config.log;
    this.#accessLog.useSyslogPrefix(syslogPrefix);
    this.#accessLog.useSuccessShare(typeof access === 'boolean' ? 1 : access.successes);
    this.#descriptors ??= new DescriptorWatch((code) => this.#withoutDescriptors(code));
    this.#isOpen = true;
  }

  #observe(): void {
    const { observer } = this.#events;
    this.#relay.observe([
      ...this.#observers,
      ...this.#metrics.observers,
      ...(this.#tracing.isOn ? [this.#tracing] : []),
      ...(this.#snapshot.config.log.access ? [this.#accessLog] : []),
      ...(observer === undefined ? [] : [observer]),
    ]);
  }

  #makeHttp1Edge(): Http1Edge {
    const report: FaultReporter = (layer, error) => this.#log.contained(layer, error);
    return new Http1Edge({
      relay: this.#relay,
      containment: new Containment('http1_client', report),
      onRefused: ({ listener, client }, token, detail) =>
        this.#log.refused(makeRefusal(listener, client, token, detail)),
    });
  }

  #withoutDescriptors(code: string): void {
    const detail = `no file descriptor is left (${code}): new clients are turned away`;
    for (const { name } of this.listeners) this.#log.refused(makeRefusal(name, '', 'listener_error', detail));
  }

  async drain(): Promise<void> {
    if (this.#isDraining) return;
    this.#isDraining = true;
    await this.#listenerSet.close();
    const { timeoutMs } = this.#snapshot.config.drain;
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => this.#abort(), timeoutMs);
    const progress = new DrainProgress(this.#logger, () => this.#runningCalls);
    await Promise.all([this.#relay.drain(), this.#http1.drain(), this.#listenerSet.settled()]);
    // Once more, for the connections that were still in their handshake when the listeners closed.
    await Promise.all([this.#relay.drain(), this.#http1.drain()]);
    clearTimeout(timer);
    this.#events.flush();
    this.#endpointChanges.flush();
    progress.close();
    destroyUpstreams(this.#snapshot, 'the proxy has stopped');
    this.#tracing.close();
    this.#descriptors?.close();
    this.#log.close();
    this.#accessLog.close();
    this.#overload.close();
    this.quotas.close();
    this.ticketKeys.close();
  }

  #abort(): void {
    this.#logger.warn({ calls: this.load.calls }, 'drain.timeout has passed; ending the calls that are left');
    const cause = failure(
      'draining',
      'The proxy is stopping and the time for running calls is over; call again.',
    );
    this.#relay.abort(cause);
    this.#http1.abort(cause);
  }
}
