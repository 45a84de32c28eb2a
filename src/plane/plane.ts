// The plane carries the calls: either this process itself or the workers it has started. This is its interface to the control part,
// which alone deals with files, signals and the admin server.

import type { EventQuery, EventSink, EventSubscription } from '../calls/event-query.ts';
import type { LivePage, LiveQuery } from '../calls/live-query.ts';
import type { ListenerCalls, SocketPage, SocketQuery } from '../calls/socket-report.ts';
import type { Change } from '../config/change.ts';
import type { Config, ListenerConfig } from '../config/config.ts';
import type { EndpointUpdate, KnownEndpoints } from '../config/endpoint-update.ts';
import type { HealthUpdate } from '../config/health-update.ts';
import type { AskForLeases, StoreState } from '../config/lease-messages.ts';
import type { LogLevel } from '../config/log-config.ts';
import type { KeysUpdate } from '../config/public-keys.ts';
import type { WeightUpdate } from '../config/weight-update.ts';
import type { DiagnosisReport } from '../observability/diagnosis-ring.ts';
import type { FigureTable } from '../observability/figure-table.ts';
import type { MetricsSnapshot } from '../observability/metrics-snapshot.ts';
import type { DeliverSpans } from '../tracing/span-lines.ts';
import type { ConnectFailed } from './connect-failures.ts';
import type { ChangesTold } from './endpoint-changes.ts';
import type { OlderEpoch } from './older-epochs.ts';
import type { OutageTold } from './outages.ts';
import type { OverloadReport } from './overload-guard.ts';
import type { PlaneFigures } from './process-figures.ts';
import type { TlsUser } from './tls-users.ts';
import type { UpstreamReport } from './upstream-report.ts';

export interface PlaneListener {
  readonly name: string;
  readonly config: ListenerConfig;
  /** The actual address, with the port that the system has assigned. */
  readonly address: string;
  /** Undefined for a unix socket. */
  readonly port: number | undefined;
}

/** What is running now. `connections` counts HTTP/2 connections only, or, with workers, all connections. `calls` includes HTTP/1.1 requests. */
export interface Load {
  readonly connections: number;
  readonly calls: number;
}

export interface PlaneChange extends Change {
  readonly opened: readonly PlaneListener[];
}

/** One of several processes that carry calls. */
export interface WorkerReport {
  readonly worker: number;
  readonly pid: number;
  readonly state: string;
  /** The epoch of the configuration it serves. */
  readonly epoch: number;
  readonly connections: number;
  readonly streams: number;
}

/** A worker that has ended although nobody has asked it to. */
export interface WorkerDeathReport {
  readonly worker: number;
  readonly pid: number;
  /** Such as `signal SIGKILL`. */
  readonly how: string;
  /** What has ended with it. */
  readonly connections: number;
  readonly calls: number;
  readonly atEpochMs: number;
}

/** Workers that have ended although nobody has asked them to, since the proxy started. */
export interface WorkerDeathsReport {
  readonly count: number;
  readonly last: WorkerDeathReport;
}

/** For `/api/config`. */
export interface PlaneReport {
  /** Calls that run now. */
  readonly calls: number;
  /** Exchanges that still use an older configuration, the oldest epoch first. */
  readonly olderEpochs: readonly OlderEpoch[];
  /** The resource use and the limits of each process that carries calls. */
  readonly processes: readonly OverloadReport[];
  /** Undefined when there are no worker processes. */
  readonly workers?: readonly WorkerReport[];
  /** Undefined if no worker has died. */
  readonly workerDeaths?: WorkerDeathsReport;
  /** The numbers of workers whose part is missing, since they did not answer in time. */
  readonly unanswered?: readonly number[];
}

export interface UpstreamsQuery {
  /** Whether to judge all calls in flight, and to say how many each endpoint holds up. */
  readonly heldUp: boolean;
}

export interface UpstreamsReport {
  readonly upstreams: readonly UpstreamReport[];
  /** The numbers of workers whose part is missing, since they did not answer in time. */
  readonly unanswered?: readonly number[];
}

/** For the dashboard. */
export interface DashboardReport extends PlaneFigures {
  /** How often a worker was started again. */
  readonly workerRestarts: number;
  readonly lastWorkerDeath?: WorkerDeathReport;
  /** The numbers of workers whose figures are earlier ones, since they did not answer in time. */
  readonly unanswered?: readonly number[];
}

export interface Plane {
  readonly listeners: readonly PlaneListener[];
  readonly load: Load;
  /** How many processes carry calls, or will once they have started. */
  readonly carriers: number;
  readonly tlsUsers: readonly TlsUser[];
  /** Why it takes no calls. Undefined while it takes calls. */
  readonly obstacle: string | undefined;
  /**
   * Does everything of a change that can fail; the first configuration is a change, too. Rejects with UnusableConfig, which lists
   * everything that is wrong, and then nothing has changed. The caller must commit or discard before it prepares the next change.
   * @param known returns the endpoints that sources have named. It is called when they are needed: at the commit, and for each new process
   */
  prepare(config: Config, epoch: number, known?: () => KnownEndpoints): Promise<PlaneChange>;
  /** Sets the endpoints of an upstream at once. There is no new epoch and no vote, and memoised decisions stay valid. */
  updateEndpoints(update: EndpointUpdate): void;
  /** Tells of upstreams with a name in DNS that an endpoint could not be reached, at most once in each minTtl and process. */
  watchConnectFailures(tell: ConnectFailed): void;
  /** Tells when an upstream has no endpoint left that can be used, and when it has again: of each process that carries calls. */
  watchOutages(tell: OutageTold): void;
  /** Tells when endpoints come into another state: of each process that carries calls. */
  watchEndpoints(tell: ChangesTold): void;
  /** Gives the spans of its calls to whoever exports them. */
  watchSpans(deliver: DeliverSpans): void;
  /** Sets the health of the endpoints of an upstream at once. It is kept for endpoints and processes that come later. */
  updateHealth(update: HealthUpdate): void;
  /** Sets what load reports have made of the weights of the endpoints of an upstream at once. It is kept like health. */
  updateWeights(update: WeightUpdate): void;
  /** Sets the public keys of an issuer at once. They are kept for processes that come later. */
  updateKeys(update: KeysUpdate): void;
  /** Tells when a token names a key that is not known: the source of its issuer's keys. Newer keys, or the same, are to follow. */
  watchWantedKeys(tell: (source: string) => void): void;
  /** Says whether a store of shared limits can be reached. That is kept for processes that come later. */
  updateStore(state: StoreState): void;
  /** Asks for leases of shared limits: for each process that carries calls. Each question is answered once. */
  watchLeaseAsks(ask: AskForLeases): void;
  /** Sets the level of the log of all its processes, until a configuration is committed. */
  setLogLevel(level: LogLevel): void;
  diagnoses(): Promise<DiagnosisReport & Pick<PlaneReport, 'unanswered'>>;
  /** The counters and gauges of its processes, with the metrics of the processes themselves. */
  metrics(): Promise<MetricsSnapshot>;
  report(): Promise<PlaneReport>;
  /** What is known of the endpoints: which get calls, and why the others do not. */
  upstreams(query: UpstreamsQuery): Promise<UpstreamsReport>;
  /** All counters of its processes and their state in one row, as a table of TOTALS_LAYOUT. Costs little. */
  totals(): Promise<FigureTable>;
  /** What the dashboard shows: the totals, routes, endpoints and processes. */
  figures(): Promise<DashboardReport>;
  /** The upstreams without an endpoint for a call that comes now: those of which a process that carries calls says so. */
  unusableUpstreams(): Promise<readonly string[]>;
  /** The finished gRPC calls of each listener that has had one. */
  listenerCalls(): Promise<readonly ListenerCalls[]>;
  /** The HTTP/2 connections that the query is about. */
  sockets(query: SocketQuery): Promise<SocketPage>;
  /** The calls in flight that the query is about, one page of them. */
  exchanges(query: LiveQuery): Promise<LivePage>;
  /**
   * Tells the sink of calls as they happen, until the subscription is closed. Calls that run already are told of from here on.
   * @returns undefined if there are as many subscribers as there may be
   */
  subscribe(query: EventQuery, sink: EventSink): EventSubscription | undefined;
  /**
   * Accepts no new connection, sends a two-step GOAWAY, and gives running calls drain.timeout to finish. Resolves when everything is
   * closed.
   */
  drain(): Promise<void>;
}
