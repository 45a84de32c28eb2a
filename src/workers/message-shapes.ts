// Checks the messages that the primary and its workers receive from each other. Both ends check, since after an upgrade they may be
// different versions of the program.

import { LOG_LEVELS } from '../config/log-config.ts';
import {
  ENDPOINT_LAYOUT,
  ROUTE_LAYOUT,
  TOTALS_LAYOUT,
  UPSTREAM_LAYOUT,
} from '../observability/figure-layouts.ts';
import type { FigureLayout, FigureTable } from '../observability/figure-table.ts';
import { ENDPOINT_CONDITIONS } from '../plane/endpoint-changes.ts';
import {
  type Check,
  has,
  isBoolean,
  isBytes,
  isFinite,
  isFiniteNumbers,
  isListOf,
  isNumber,
  isNumbers,
  isOneOf,
  isRecord,
  isText,
  isWeight,
  optional,
} from './message-checks.ts';
import { type FromWorker, PROTOCOL_VERSION, type Topic, type ToWorker } from './messages.ts';
import { isEventQuery, isLivePart, isLiveQuery, isSocketPage, isSocketQuery } from './query-checks.ts';

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
    has({
      address: isAddress,
      weight: isNumber,
      priority: isNumber,
      zone: optional(isText),
      authority: optional(isText),
    }),
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
const isKey: Check = (value) => isRecord(value) && Object.values(value).every(isText);
const isKeysUpdate = has({
  source: isText,
  keys: isListOf(isKey),
  problem: optional(isText),
  isDropped: optional(isBoolean),
});
const isStoreState = has({ store: isText, isUp: isBoolean, holders: isNumber });
const isLeaseAsk = has({
  number: isNumber,
  store: isText,
  limit: isText,
  ratePerSecond: isFinite,
  burst: isFinite,
  keys: isListOf(isText),
  owed: isListOf(isFinite),
  least: isListOf(isFinite),
  wanted: isListOf(isFinite),
});
const isLeases = has({ granted: isListOf(isNumber), waitMs: isListOf(isNumber), room: isListOf(isNumber) });
const isLeaseAnswer = has({ number: isNumber, leases: optional(isLeases) });
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

const subscribe = { subscription: isNumber, query: isEventQuery };

const isTotals = isTableOf(TOTALS_LAYOUT);
const isFigures = has({
  totals: isTotals,
  routes: isTableOf(ROUTE_LAYOUT),
  endpoints: isTableOf(ENDPOINT_LAYOUT),
  upstreams: isTableOf(UPSTREAM_LAYOUT),
  said: isListOf(has({ key: isText, reasons: isListOf(has({ by: isText, sentence: isText })) })),
  epochs: isListOf(has({ epoch: isNumber, calls: isNumber })),
  processes: isListOf(has({ pid: isNumber, state: isText, epoch: isNumber })),
});
const isConditionChange = has({
  upstream: isText,
  endpoint: isText,
  to: isOneOf(...ENDPOINT_CONDITIONS),
  sentence: optional(isText),
  atEpochMs: isNumber,
});

function isTable(value: unknown): value is FigureTable {
  return has({ keys: isListOf(isText), values: isNumbers })(value);
}

function isTableOf(layout: FigureLayout<string>): Check {
  return (value) => isTable(value) && layout.fits(value);
}

const isExemplars = isListOf(has({ key: isText, traceId: isText, value: isFinite, atMs: isFinite }));

const isReasons = isListOf(
  has({ sentence: isText, detail: optional(isText), count: isNumber, lastAtEpochMs: isNumber }),
);

const isDiagnoses = has({
  counts: isRecord,
  recent: isListOf(has({ lastAtEpochMs: isNumber })),
  reasons: (value) => isRecord(value) && Object.values(value).every(isReasons),
  clients: optional(
    isListOf(has({ library: isText, version: isText, connections: isNumber, lastAtEpochMs: isNumber })),
  ),
});

/** An answer to one question has only the field of its topic; a farewell has several. */
const answers: Readonly<Record<Topic, Check>> = {
  diagnoses: optional(isDiagnoses),
  report: optional(has({ calls: isNumber, olderEpochs: Array.isArray, processes: Array.isArray })),
  metrics: optional(
    isListOf(has({ name: isText, keys: isText, values: isNumbers, exemplars: optional(isExemplars) })),
  ),
  upstreams: optional(has({ upstreams: isListOf(has({ name: isText, endpoints: Array.isArray })) })),
  unusableUpstreams: optional(isListOf(isText)),
  listenerCalls: optional(isListOf(has({ listener: isText, succeeded: isNumber, failed: isNumber }))),
  sockets: optional(isSocketPage),
  exchanges: optional(isLivePart),
  totals: optional(isTotals),
  figures: optional(isFigures),
};
const TOPICS = Object.keys(answers);
const isAnswer = has(answers);

const toWorker: Shapes<ToWorker> = {
  start: {
    version: isNumber,
    worker: isNumber,
    assignment: isAssignment,
    endpoints: isListOf(isEndpointUpdate),
    health: isListOf(isHealthUpdate),
    weights: isListOf(isWeightUpdate),
    keys: isListOf(isKeysUpdate),
    stores: isListOf(isStoreState),
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
    topic: isOneOf(...TOPICS),
    query: optional(isLiveQuery),
    sockets: optional(isSocketQuery),
    upstreams: optional(has({ heldUp: isBoolean })),
  },
  subscribe,
  unsubscribe: { subscription: isNumber },
  ticketKeys: { keys: isBytes },
  endpoints: { update: isEndpointUpdate },
  health: { update: isHealthUpdate },
  weights: { update: isWeightUpdate },
  keys: { update: isKeysUpdate },
  quotaAnswer: { report: isNumber, used: isFiniteNumbers, announced: isFiniteNumbers },
  storeState: { state: isStoreState },
  leaseAnswer: { answer: isLeaseAnswer },
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
  spans: { lines: isText, count: isNumber, dropped: isNumber, limited: isNumber },
  lastWords: { address: isText, port: isNumber },
  connectFailed: { upstream: isText },
  keysWanted: { source: isText },
  quotaReport: {
    report: isNumber,
    limits: isListOf(isText),
    keys: isListOf(isText),
    clients: isListOf(optional(isText)),
    counts: isFiniteNumbers,
    goneBack: isFiniteNumbers,
    announced: isFiniteNumbers,
  },
  leaseAsk: { ask: isLeaseAsk },
  outage: { upstream: isText, news: isOutage },
  diagnosed: { report: isDiagnoses },
  endpointChanges: { changes: isListOf(isConditionChange) },
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
