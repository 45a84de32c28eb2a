// All messages between the primary and its workers, and the checks of received messages. Both ends check, since after an upgrade they
// may be different versions of the program.

import { EVENT_KINDS, type EventQuery } from '../calls/event-query.ts';
import { BLOCKERS, CALL_STATES } from '../calls/live-exchange.ts';
import { LIVE_SORTS, type LivePart, type LiveQuery } from '../calls/live-query.ts';
import { type Config, LOG_LEVELS, type LogLevel } from '../config/config.ts';
import type { EndpointUpdate } from '../config/endpoint-update.ts';
import type { HealthUpdate } from '../config/health-update.ts';
import type { Finding } from '../config/problem.ts';
import type { WeightUpdate } from '../config/weight-update.ts';
import type { DiagnosisReport } from '../observability/diagnosis-ring.ts';
import type { MetricsSnapshot } from '../observability/metrics-snapshot.ts';
import type { UpstreamOutage } from '../plane/outages.ts';
import type { PlaneReport, UpstreamsReport } from '../plane/plane.ts';
import {
  type Check,
  has,
  isBoolean,
  isBytes,
  isFinite,
  isListOf,
  isNumber,
  isNumbers,
  isOneOf,
  isRecord,
  isText,
  isWeight,
  optional,
} from './message-checks.ts';

/** Must change whenever the meaning of a message or of the resolved configuration changes. */
export const PROTOCOL_VERSION = 9;

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
  readonly exchanges: LivePart;
}

export type Topic = keyof Answers;

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
  | {
      readonly type: 'ask';
      readonly question: number;
      readonly topic: Topic;
      readonly query?: LiveQuery | undefined;
    }
  | ({ readonly type: 'subscribe' } & NumberedQuery)
  | { readonly type: 'unsubscribe'; readonly subscription: number }
  | { readonly type: 'ticketKeys'; readonly keys: Uint8Array }
  | { readonly type: 'endpoints'; readonly update: EndpointUpdate }
  | { readonly type: 'health'; readonly update: HealthUpdate }
  | { readonly type: 'weights'; readonly update: WeightUpdate }
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
  /** An endpoint of this upstream could not be reached. Its name may have other addresses by now. */
  | { readonly type: 'connectFailed'; readonly upstream: string }
  /** This upstream has no endpoint left in the worker, or has again. */
  | ({ readonly type: 'outage' } & UpstreamOutage)
  /** A write to the log has failed, and will be retried. */
  | { readonly type: 'logFailed'; readonly errorCode: string }
  | { readonly type: 'logOverflowed' }
  /** The log is written again. */
  | { readonly type: 'logWritten'; readonly dropped: number }
  /** The last message of a worker that has drained. */
  | { readonly type: 'farewell'; readonly answers: Partial<Answers> };

/** Sends a message to the primary. @param sent is called once the channel has taken it, or never if the primary is gone */
export type SendToPrimary = (message: FromWorker, sent?: () => void) => void;

type Shapes<Message extends { readonly type: string }> = {
  readonly [Type in Message['type']]: {
    readonly [Field in keyof Omit<Extract<Message, { readonly type: Type }>, 'type'>]: Check;
  };
};

const isAddress: Check = (value) =>
  isRecord(value) &&
  isText(value['text']) &&
  (value['kind'] === 'tcp'
    ? isText(value['host']) && isNumber(value['port'])
    : value['kind'] === 'unix' && isText(value['path']));
const isEndpointUpdate = has({
  upstream: isText,
  version: isNumber,
  endpoints: isListOf(
    has({ address: isAddress, weight: isNumber, priority: isNumber, zone: optional(isText) }),
  ),
  whyNone: optional(has({ token: isText, sentence: isText })),
});
const isHealthUpdate = has({
  upstream: isText,
  endpoints: isListOf(
    has({
      address: isText,
      reason: optional(has({ token: isText, sentence: isText })),
      recoveries: isNumber,
    }),
  ),
});
const isWeightUpdate = has({
  upstream: isText,
  endpoints: isListOf(has({ address: isText, weight: isWeight })),
});
const isOutageNews = has({
  state: isOneOf('out', 'back', 'gone'),
  why: optional(has({ token: isText, sentence: isText })),
  refused: optional(isNumber),
});
const isOutage: Check = (value) =>
  isOutageNews(value) && isRecord(value) && value[value['state'] === 'out' ? 'why' : 'refused'] !== undefined;
const isPlace = has({ socket: isNumber, address: isText, port: optional(isNumber) });
const isKind = isOneOf('listener', 'upstream');
const isStaple = has({ file: isText, der: isBytes });
const isTlsReport = has({
  kind: isKind,
  name: isText,
  files: isListOf(isText),
  certificates: isListOf(has({ file: isText, der: isBytes, staple: optional(isStaple) })),
});
const isFinding = has({ path: Array.isArray, message: isText, severity: isText });
/** Checks only the outline of the configuration, which was checked completely when it was read. */
const isAssignment = has({
  config: has({ listeners: Array.isArray, routes: Array.isArray, upstreams: Array.isArray }),
  epoch: isNumber,
  places: isListOf(isPlace),
  workers: isNumber,
});

const isPlaceInOrder = has({ key: isFinite, id: isText });
const isLiveQuery = has({
  id: optional(isText),
  route: optional(isText),
  upstream: optional(isText),
  endpoint: optional(isText),
  method: optional(isText),
  client: optional(isText),
  state: optional(isOneOf(...CALL_STATES)),
  blocked: optional(isOneOf(...BLOCKERS)),
  minAgeMs: optional(isNumber),
  minSilentMs: optional(isNumber),
  sort: isOneOf(...LIVE_SORTS),
  limit: isNumber,
  after: optional(isPlaceInOrder),
});
const isLivePart = has({
  total: isNumber,
  matching: isNumber,
  exchanges: isListOf(has({ id: isText, state: isText, blocked: isRecord })),
  keys: isListOf(isFinite),
  end: optional(isPlaceInOrder),
});

const isEventQuery = has({
  kinds: isListOf(isOneOf(...EVENT_KINDS)),
  route: optional(isText),
  upstream: optional(isText),
  method: optional(isText),
  client: optional(isText),
  endpoint: optional(isText),
  status: optional(isText),
  minDurationMs: optional(isFinite),
  failed: optional(isBoolean),
  rate: isNumber,
});
const subscribe = { subscription: isNumber, query: isEventQuery };

/** An answer to one question has only the field of its topic; a farewell has several. */
const isAnswer = has({
  diagnoses: optional(
    has({
      counts: isRecord,
      recent: isListOf(has({ lastAtEpochMs: isNumber })),
      clients: optional(
        isListOf(has({ library: isText, version: isText, connections: isNumber, lastAtEpochMs: isNumber })),
      ),
    }),
  ),
  report: optional(has({ calls: isNumber, olderEpochs: Array.isArray, processes: Array.isArray })),
  metrics: optional(isListOf(has({ name: isText, keys: isText, values: isNumbers }))),
  upstreams: optional(has({ upstreams: isListOf(has({ name: isText, endpoints: Array.isArray })) })),
  exchanges: optional(isLivePart),
});

const toWorker: Shapes<ToWorker> = {
  start: {
    version: isNumber,
    worker: isNumber,
    assignment: isAssignment,
    endpoints: isListOf(isEndpointUpdate),
    health: isListOf(isHealthUpdate),
    weights: isListOf(isWeightUpdate),
    subscriptions: isListOf(has(subscribe)),
    ticketKeys: isBytes,
    logFile: optional(isText),
    logLevel: optional(isOneOf(...LOG_LEVELS)),
  },
  connection: { connection: isNumber, socket: isNumber },
  prepare: { change: isNumber, assignment: isAssignment },
  prepareTls: { change: isNumber, kind: isKind, name: isText },
  commit: { change: isNumber, places: isListOf(isPlace), endpoints: isListOf(isEndpointUpdate) },
  discard: { change: isNumber },
  ask: {
    question: isNumber,
    topic: isOneOf('diagnoses', 'report', 'metrics', 'upstreams', 'exchanges'),
    query: optional(isLiveQuery),
  },
  subscribe,
  unsubscribe: { subscription: isNumber },
  ticketKeys: { keys: isBytes },
  endpoints: { update: isEndpointUpdate },
  health: { update: isHealthUpdate },
  weights: { update: isWeightUpdate },
  logLevel: { level: isOneOf(...LOG_LEVELS) },
  reopenLog: {},
  drain: {},
};

const fromWorker: Shapes<FromWorker> = {
  hello: { version: isNumber },
  serving: { tls: isListOf(isTlsReport) },
  failed: { message: isText, findings: isListOf(isFinding) },
  load: { streams: isNumber, taken: isListOf(isNumber), closed: isListOf(isNumber) },
  prepared: {
    change: isNumber,
    outcome: isOneOf('changed', 'same', 'refused', 'failed'),
    message: isText,
    findings: isListOf(isFinding),
  },
  committed: { change: isNumber, tls: isListOf(isTlsReport) },
  answer: { question: isNumber, body: isAnswer },
  events: { subscription: isNumber, events: isListOf(isText), dropped: isNumber },
  lastWords: { address: isText, port: isNumber },
  connectFailed: { upstream: isText },
  outage: { upstream: isText, news: isOutage },
  logFailed: { errorCode: isText },
  logOverflowed: {},
  logWritten: { dropped: isNumber },
  farewell: { answers: isAnswer },
};

export function isToWorker(message: unknown): message is ToWorker {
  return isMessage(message, toWorker);
}

/**
 * Why a worker cannot start by this message.
 * @returns undefined for its configuration, and for messages that may come before it and that the configuration makes obsolete
 */
export function whyNotStart(message: unknown): string | undefined {
  if (isToWorker(message)) {
    if (message.type !== 'start' || message.version === PROTOCOL_VERSION) return undefined;
    return `the primary process speaks version ${message.version} of what processes of Framegate say to each other, and this worker ${PROTOCOL_VERSION}: restart the service to upgrade`;
  }
  const fields = isRecord(message) ? message : {};
  const type = String(fields['type']).slice(0, 64);
  const shape = Object.entries(toWorker).find(([name]) => name === type)?.[1];
  if (shape === undefined)
    return `the primary process has sent a message of a type that this worker does not know: "${type}"`;
  const wrong = Object.entries(shape).filter(([name, check]) => !check(fields[name]));
  return `the primary process has sent a message "${type}" that this worker cannot read: ${wrong.map(([name]) => name).join(', ')}`;
}

export function isFromWorker(message: unknown): message is FromWorker {
  return isMessage(message, fromWorker);
}

/** Reads the first message of a worker of any version. Returns undefined for other messages. */
export function helloVersion(message: unknown): number | undefined {
  if (!isRecord(message) || message['type'] !== 'hello') return undefined;
  const { version } = message;
  return typeof version === 'number' ? version : undefined;
}

function isMessage(
  message: unknown,
  shapes: Readonly<Record<string, Readonly<Record<string, Check>>>>,
): boolean {
  if (!isRecord(message) || typeof message['type'] !== 'string') return false;
  return Object.hasOwn(shapes, message['type']) && has(shapes[message['type']])(message);
}
