// All messages between the primary and its workers. message-shapes.ts checks those that were received.

import type { EventQuery } from '../calls/event-query.ts';
import type { LivePart, LiveQuery } from '../calls/live-query.ts';
import type { ListenerCalls, SocketPage, SocketQuery } from '../calls/socket-report.ts';
import type { Config } from '../config/config.ts';
import type { EndpointUpdate } from '../config/endpoint-update.ts';
import type { HealthUpdate } from '../config/health-update.ts';
import type { LeaseAnswer, LeaseAsk, StoreState } from '../config/lease-messages.ts';
import type { LogLevel } from '../config/log-config.ts';
import type { Finding } from '../config/problem.ts';
import type { KeysUpdate } from '../config/public-keys.ts';
import type { WeightUpdate } from '../config/weight-update.ts';
import type { QuotaAnswer, QuotaReport } from '../limits/quota-reports.ts';
import type { DiagnosisReport } from '../observability/diagnosis-ring.ts';
import type { FigureTable } from '../observability/figure-table.ts';
import type { MetricsSnapshot } from '../observability/metrics-snapshot.ts';
import type { ConditionChange } from '../plane/endpoint-changes.ts';
import type { UpstreamOutage } from '../plane/outages.ts';
import type { PlaneReport, UpstreamsQuery, UpstreamsReport } from '../plane/plane.ts';
import type { PlaneFigures } from '../plane/process-figures.ts';
import type { SpanBatch } from '../tracing/span-lines.ts';

/** Must change whenever the meaning of a message or of the resolved configuration changes. */
export const PROTOCOL_VERSION = 20;

/** A listening socket of the primary. */
export interface SocketPlace {
  readonly socket: number;
  readonly address: string;
  /** Undefined for a unix socket. */
  readonly port: number | undefined;
}

/** The certificates that a worker uses for a listener or an upstream. Keys are never included. */
export interface TlsReport {
  readonly kind: 'listener' | 'upstream';
  readonly name: string;
  readonly files: readonly string[];
  readonly certificates: readonly {
    readonly file: string;
    readonly der: Uint8Array;
    /** The OCSP response that is served with the certificate. */
    readonly staple: { readonly file: string; readonly der: Uint8Array } | undefined;
  }[];
}

/** A configuration, and the sockets that its listeners get connections from, in the order of the listeners. */
export interface Assignment {
  readonly config: Config;
  readonly epoch: number;
  readonly places: readonly SocketPlace[];
  /** How many workers share the limits of the service. */
  readonly workers: number;
}

/** The parts of a change that are known only at its commit. */
export interface CommitParts {
  /** The sockets with their final addresses. */
  readonly places: readonly SocketPlace[];
  /** All endpoints that sources have named for upstreams of the configuration. */
  readonly endpoints: readonly EndpointUpdate[];
}

/** The topics of questions, and the type of the answer to each. */
export interface Answers {
  readonly diagnoses: DiagnosisReport;
  readonly report: PlaneReport;
  readonly metrics: MetricsSnapshot;
  readonly upstreams: UpstreamsReport;
  readonly unusableUpstreams: readonly string[];
  readonly listenerCalls: readonly ListenerCalls[];
  readonly sockets: SocketPage;
  readonly exchanges: LivePart;
  readonly totals: FigureTable;
  readonly figures: PlaneFigures;
}

export type Topic = keyof Answers;

/** What a question says beside its topic. */
export interface Queries {
  /** For a question about exchanges. */
  readonly query?: LiveQuery | undefined;
  /** For one about sockets. */
  readonly sockets?: SocketQuery | undefined;
  /** For one about upstreams. */
  readonly upstreams?: UpstreamsQuery | undefined;
}

/** A subscriber of the primary, and the events it wants. */
export interface NumberedQuery {
  readonly subscription: number;
  readonly query: EventQuery;
}

export type ToWorker =
  | {
      readonly type: 'start';
      readonly version: number;
      readonly worker: number;
      readonly assignment: Assignment;
      readonly endpoints: readonly EndpointUpdate[];
      readonly health: readonly HealthUpdate[];
      readonly weights: readonly WeightUpdate[];
      readonly keys: readonly KeysUpdate[];
      readonly stores: readonly StoreState[];
      readonly subscriptions: readonly NumberedQuery[];
      readonly ticketKeys: Uint8Array;
      /** The file that the descriptor of the log is open on. Undefined for standard output. */
      readonly logFile?: string | undefined;
      /** The level of the log, if it was changed since the configuration was put to use. */
      readonly logLevel?: LogLevel | undefined;
    }
  /** Carries a connection that was accepted at the listening socket with the number `socket`. */
  | { readonly type: 'connection'; readonly connection: number; readonly socket: number }
  | { readonly type: 'prepare'; readonly change: number; readonly assignment: Assignment }
  /** Asks to read the certificate files of one listener or upstream again. */
  | {
      readonly type: 'prepareTls';
      readonly change: number;
      readonly kind: TlsReport['kind'];
      readonly name: string;
    }
  | ({ readonly type: 'commit'; readonly change: number } & CommitParts)
  | { readonly type: 'discard'; readonly change: number }
  | ({ readonly type: 'ask'; readonly question: number; readonly topic: Topic } & Queries)
  | ({ readonly type: 'subscribe' } & NumberedQuery)
  | { readonly type: 'unsubscribe'; readonly subscription: number }
  | { readonly type: 'ticketKeys'; readonly keys: Uint8Array }
  | { readonly type: 'endpoints'; readonly update: EndpointUpdate }
  | { readonly type: 'health'; readonly update: HealthUpdate }
  | { readonly type: 'weights'; readonly update: WeightUpdate }
  | { readonly type: 'keys'; readonly update: KeysUpdate }
  | ({ readonly type: 'quotaAnswer' } & QuotaAnswer)
  | { readonly type: 'storeState'; readonly state: StoreState }
  | { readonly type: 'leaseAnswer'; readonly answer: LeaseAnswer }
  /** The level of the log until another configuration is committed. */
  | { readonly type: 'logLevel'; readonly level: LogLevel }
  /** The file of the log may have been moved away. */
  | { readonly type: 'reopenLog' }
  | { readonly type: 'drain' };

export type FromWorker =
  /** The first message of a worker. */
  | { readonly type: 'hello'; readonly version: number }
  | { readonly type: 'serving'; readonly tls: readonly TlsReport[] }
  /** The worker cannot serve, and ends. */
  | { readonly type: 'failed'; readonly message: string; readonly findings: readonly Finding[] }
  | {
      readonly type: 'load';
      readonly streams: number;
      /** The numbers of connections that have arrived since the last report, in order. */
      readonly taken: readonly number[];
      /** The numbers of connections that have closed since the last report. */
      readonly closed: readonly number[];
    }
  | {
      readonly type: 'prepared';
      readonly change: number;
      /** 'refused': `findings` or `message` says what is wrong. 'failed': a fault of Framegate. */
      readonly outcome: 'changed' | 'same' | 'refused' | 'failed';
      readonly message: string;
      readonly findings: readonly Finding[];
    }
  | { readonly type: 'committed'; readonly change: number; readonly tls: readonly TlsReport[] }
  | { readonly type: 'answer'; readonly question: number; readonly body: Partial<Answers> }
  | {
      readonly type: 'events';
      readonly subscription: number;
      readonly events: readonly string[];
      readonly dropped: number;
    }
  /** The worker ends by an uncaught error at an event of the socket with this remote end, which is a client or a service. */
  | { readonly type: 'lastWords'; readonly address: string; readonly port: number }
  /** Spans of calls of the worker, for the exporter. */
  | ({ readonly type: 'spans' } & SpanBatch)
  /** An endpoint of this upstream could not be reached. Its name may have other addresses by now. */
  | { readonly type: 'connectFailed'; readonly upstream: string }
  /** A token names a key that is not among those of this source. */
  | { readonly type: 'keysWanted'; readonly source: string }
  /** What the worker has let pass of the limits of routes. */
  | ({ readonly type: 'quotaReport' } & QuotaReport)
  /** Limits that several machines share need tokens. */
  | { readonly type: 'leaseAsk'; readonly ask: LeaseAsk }
  /** This upstream has no endpoint left in the worker, or has again. */
  | ({ readonly type: 'outage' } & UpstreamOutage)
  /** All that the worker has diagnosed, since it has diagnosed more. */
  | { readonly type: 'diagnosed'; readonly report: DiagnosisReport }
  /** Endpoints have come into another state in the worker. */
  | { readonly type: 'endpointChanges'; readonly changes: readonly ConditionChange[] }
  /** A write to the log has failed, and will be retried. */
  | { readonly type: 'logFailed'; readonly errorCode: string }
  | { readonly type: 'logOverflowed' }
  /** The log is written again. */
  | { readonly type: 'logWritten'; readonly dropped: number }
  /** The last message of a worker that has drained. */
  | { readonly type: 'farewell'; readonly answers: Partial<Answers> };

/** Sends a message to the primary. @param sent is called once the channel has taken it, or never if the primary is gone */
export type SendToPrimary = (message: FromWorker, sent?: () => void) => void;
