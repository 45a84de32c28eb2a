// The spans of one finished call, by OpenTelemetry's semantic conventions for RPC and HTTP: a server span for the call, and a client span
// for each attempt. They are made from what the call has remembered, with the times at which things have happened.

import { SERVER_ERRORS } from '../calls/call-outcome.ts';
import type { AttemptEvent, AttemptTrace, CallTrace } from '../calls/call-trace.ts';
import type { ExchangeRecord } from '../calls/exchange-record.ts';
import { epochMsOf } from '../transport/turn-clock.ts';
import type { Span, SpanAttributes, SpanEvent } from './span.ts';

/** Clients choose paths and services choose texts. */
const MOST_CHARACTERS = 256;
/** The name of a method that no route knows, since a client may make up any number of them. */
const OTHER = '_OTHER';
const HTTP_METHODS = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'PATCH',
  'QUERY',
]);
const TOKEN = /^[a-z0-9_]{1,64}: /;

/** Whether the call has failed on the side of the server. */
export function hasFailed({ grpcStatus, httpStatus, trace }: ExchangeRecord): boolean {
  return trace?.kind.isGrpc === true ? SERVER_ERRORS.has(grpcStatus) : httpStatus >= 500;
}

/** A copy that may be kept: a record is valid only while observers are told of it, and its subject holds the header fields of the request. */
export function keptRecord(record: ExchangeRecord): ExchangeRecord {
  const { listener, client, clientKey, tls, authority, method, route, upstream } = record.subject;
  const subject = { listener, client, clientKey, tls, authority, method, route, upstream, kept: [] };
  return { ...record, subject };
}

export function spanCount(trace: CallTrace): number {
  return 1 + trace.attempts.length;
}

/** @returns the span of the call, followed by those of its attempts */
export function spansOf(record: ExchangeRecord, trace: CallTrace): readonly Span[] {
  const { attempts } = trace;
  const server = serverSpan(record, trace);
  return [server, ...attempts.map((attempt, index) => clientSpan({ server, record, trace }, attempt, index))];
}

function serverSpan(record: ExchangeRecord, trace: CallTrace): Span {
  const { startedAtEpochMs, durationMs, reason } = record;
  const endEpochMs = startedAtEpochMs + durationMs;
  const isFailed = hasFailed(record);
  return {
    traceId: trace.traceId,
    spanId: trace.spanId,
    parentId: trace.parentId,
    hasRemoteParent: true,
    state: trace.parent?.state ?? '',
    kind: 'server',
    name: nameOf(record, trace),
    startEpochMs: startedAtEpochMs,
    endEpochMs,
    attributes: serverAttributes(record, trace, isFailed),
    events: eventsOf(record, trace, endEpochMs),
    error: isFailed ? bounded(reason) : undefined,
  };
}

type Attributes = Record<string, string | number>;

function serverAttributes(record: ExchangeRecord, trace: CallTrace, isFailed: boolean): SpanAttributes {
  const { subject } = record;
  const attributes: Attributes = {};
  addMethod(attributes, record, trace);
  addPeer(attributes, 'client.address', 'client.port', subject.client);
  addPeer(attributes, 'server.address', 'server.port', subject.authority);
  addStatus(attributes, record, trace, isFailed);
  attributes['framegate.listener'] = subject.listener;
  attributes['framegate.route'] = subject.route;
  attributes['framegate.upstream'] = subject.upstream;
  attributes['framegate.attempts'] = record.attempts;
  attributes['framegate.ended_by'] = record.endedBy;
  attributes['framegate.request.messages'] = record.requestMessages;
  attributes['framegate.response.messages'] = record.responseMessages;
  attributes['framegate.request.bytes'] = record.requestBytes;
  attributes['framegate.response.bytes'] = record.responseBytes;
  if (subject.tls !== '') attributes['tls.protocol.version'] = subject.tls.replace(/^TLSv/, '');
  return attributes;
}

/** What the spans of all attempts of a call have in common. */
interface Attempted {
  readonly server: Span;
  readonly record: ExchangeRecord;
  readonly trace: CallTrace;
}

function clientSpan(call: Attempted, attempt: AttemptTrace, index: number): Span {
  const { server, record, trace } = call;
  const { endedMs, event, beganMs } = attempt;
  // Sums of floating-point numbers differ in their last digits.
  const endEpochMs = endedMs === -1 ? server.endEpochMs : Math.min(server.endEpochMs, epochMsOf(endedMs));
  const error = errorOf(attempt, trace.kind.isGrpc, record.attempts === index + 1 ? record.httpStatus : 0);
  return {
    traceId: server.traceId,
    spanId: attempt.spanId,
    parentId: server.spanId,
    hasRemoteParent: false,
    state: server.state,
    kind: 'client',
    name: server.name,
    startEpochMs: Math.max(server.startEpochMs, epochMsOf(beganMs)),
    endEpochMs,
    attributes: clientAttributes(call, attempt, index, error),
    events:
      event === undefined ? [] : [{ name: event.name, atEpochMs: endEpochMs, attributes: detailOf(event) }],
    error: error === undefined ? undefined : '',
  };
}

function clientAttributes(
  { record, trace }: Attempted,
  { endpoint, outcome, grpcStatus }: AttemptTrace,
  index: number,
  error: string | undefined,
): SpanAttributes {
  const attributes: Attributes = {};
  addMethod(attributes, record, trace);
  addPeer(attributes, 'server.address', 'server.port', endpoint);
  const status = grpcStatus === '' && outcome === 'given_up' ? record.grpcStatus : grpcStatus;
  if (trace.kind.isGrpc && status !== '') attributes['rpc.status_code'] = bounded(status);
  if (error !== undefined) attributes['error.type'] = error;
  attributes['framegate.attempt'] = index + 1;
  attributes['framegate.attempt.outcome'] = outcome ?? 'given_up';
  return attributes;
}

function detailOf({ detail }: AttemptEvent): SpanAttributes {
  return detail === '' ? {} : { 'framegate.detail': bounded(detail) };
}

/** What has gone wrong with an attempt in one word, or undefined. A hedged attempt that was too slow has not gone wrong. */
function errorOf(
  { grpcStatus, outcome, event }: AttemptTrace,
  isGrpc: boolean,
  httpStatus: number,
): string | undefined {
  if (outcome === 'lost') return undefined;
  if (grpcStatus !== '') return grpcStatus === 'OK' ? undefined : bounded(grpcStatus);
  if (event !== undefined) return event.name;
  if (outcome === 'answered') return !isGrpc && httpStatus >= 400 ? String(httpStatus) : undefined;
  return outcome === 'failed' ? 'invalid_response' : 'cancelled';
}

function nameOf({ subject, endedBy, attempts }: ExchangeRecord, { kind }: CallTrace): string {
  const isUnknown = subject.route === '' || (endedBy === 'framegate' && attempts === 0);
  if (!kind.isGrpc) return httpMethodOf(kind.httpMethod);
  return isUnknown ? OTHER : methodName(subject.method);
}

function addMethod(attributes: Attributes, record: ExchangeRecord, trace: CallTrace): void {
  const { method } = record.subject;
  const { isGrpc, httpMethod } = trace.kind;
  const name = nameOf(record, trace);
  if (isGrpc) {
    attributes['rpc.system.name'] = 'grpc';
    attributes['rpc.method'] = name;
    if (name === OTHER) attributes['rpc.method_original'] = methodName(method);
    return;
  }
  attributes['http.request.method'] = name;
  if (name === OTHER) attributes['http.request.method_original'] = bounded(httpMethod);
  const query = method.indexOf('?');
  attributes['url.path'] = bounded(query === -1 ? method : method.slice(0, query));
}

function httpMethodOf(method: string): string {
  return HTTP_METHODS.has(method) ? method : OTHER;
}

function methodName(path: string): string {
  return bounded(path.replace(/^\//, ''));
}

function addStatus(
  attributes: Attributes,
  { grpcStatus, httpStatus, reason, endedBy }: ExchangeRecord,
  { kind }: CallTrace,
  isFailed: boolean,
): void {
  const status = kind.isGrpc ? bounded(grpcStatus) : String(httpStatus);
  if (!kind.isGrpc) attributes['http.response.status_code'] = httpStatus;
  else if (grpcStatus !== '') attributes['rpc.status_code'] = status;
  if (isFailed) attributes['error.type'] = status;
  if (endedBy === 'framegate' && TOKEN.test(reason)) attributes['framegate.token'] = tokenOf(reason);
}

function eventsOf(record: ExchangeRecord, trace: CallTrace, endEpochMs: number): readonly SpanEvent[] {
  const { reason, endedBy } = record;
  const events: SpanEvent[] = [];
  let before: AttemptTrace | undefined;
  for (const [index, attempt] of trace.attempts.entries()) {
    if (before !== undefined) {
      const isBeside = before.endedMs === -1 || before.endedMs > attempt.beganMs;
      events.push({
        name: isBeside ? 'hedge' : 'retry',
        atEpochMs: epochMsOf(attempt.beganMs),
        attributes: { 'framegate.attempt': index + 1, 'framegate.endpoint': attempt.endpoint },
      });
    }
    before = attempt;
  }
  if (endedBy === 'framegate' && TOKEN.test(reason))
    events.push({
      name: 'verdict',
      atEpochMs: endEpochMs,
      attributes: { 'framegate.token': tokenOf(reason), 'framegate.reason': bounded(reason) },
    });
  return events;
}

function tokenOf(reason: string): string {
  return reason.slice(0, reason.indexOf(':'));
}

/** @param text an address with or without a port */
function addPeer(attributes: Attributes, addressKey: string, portKey: string, text: string): void {
  if (text === '') return;
  if (text.startsWith('unix')) {
    attributes[addressKey] = bounded(text.replace(/^unix:/, ''));
    return;
  }
  const colon = text.lastIndexOf(':');
  // Of an IPv6 address without brackets, no colon begins a port.
  const hasPort = colon > text.lastIndexOf(']') && (text.startsWith('[') || text.indexOf(':') === colon);
  const host = hasPort ? text.slice(0, colon) : text;
  attributes[addressKey] = bounded(host.startsWith('[') ? host.slice(1, -1) : host);
  const port = hasPort ? Number(text.slice(colon + 1)) : Number.NaN;
  if (Number.isInteger(port)) attributes[portKey] = port;
}

function bounded(text: string): string {
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS - 1)}…`;
}
