// The spans of one finished call, by OpenTelemetry's semantic conventions for RPC and HTTP: a server span for the call, and a client span
// for each attempt. They are made from what the call has remembered, with the times at which things have happened. The process that
// exports them makes them.

import { shownPath } from '../calls/shown-path.ts';
import { type FinishedAttempt, type FinishedCall, hasFailed } from './finished-call.ts';
import type { Span, SpanAttributes, SpanEvent } from './span.ts';

/** Clients choose paths and services choose texts. */
const MOST_CHARACTERS = 256;
/** The name of a method that the configuration does not name and that no service was asked for, since a client may make up any number of them. */
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

/** @returns the span of the call, followed by those of its attempts */
export function spansOf(call: FinishedCall): readonly Span[] {
  const server = serverSpan(call);
  return [server, ...call.attempts.map((attempt, index) => clientSpan({ server, call }, attempt, index))];
}

function serverSpan(call: FinishedCall): Span {
  const { startedAtEpochMs, durationMs } = call;
  const endEpochMs = startedAtEpochMs + durationMs;
  const isFailed = hasFailed(call, call.isGrpc);
  return {
    traceId: call.traceId,
    spanId: call.spanId,
    parentId: call.parentId,
    hasRemoteParent: true,
    state: call.state,
    kind: 'server',
    name: nameOf(call),
    startEpochMs: startedAtEpochMs,
    endEpochMs,
    attributes: serverAttributes(call, isFailed),
    events: eventsOf(call, endEpochMs),
    error: isFailed ? bounded(call.reason) : undefined,
  };
}

type Attributes = Record<string, string | number>;

function serverAttributes(call: FinishedCall, isFailed: boolean): SpanAttributes {
  const attributes: Attributes = {};
  addMethod(attributes, call);
  addPeer(attributes, 'client.address', 'client.port', call.client);
  addPeer(attributes, 'server.address', 'server.port', call.authority);
  addStatus(attributes, call, isFailed);
  attributes['framegate.listener'] = call.listener;
  attributes['framegate.route'] = call.route;
  attributes['framegate.upstream'] = call.upstream;
  attributes['framegate.attempts'] = call.attemptCount;
  attributes['framegate.ended_by'] = call.endedBy;
  addReason(attributes, call);
  if (call.dryRun !== '') attributes['framegate.dry_run'] = bounded(call.dryRun);
  if (call.fault !== '') attributes['framegate.fault'] = bounded(call.fault);
  attributes['framegate.request.messages'] = call.requestMessages;
  attributes['framegate.response.messages'] = call.responseMessages;
  attributes['framegate.request.bytes'] = call.requestBytes;
  attributes['framegate.response.bytes'] = call.responseBytes;
  if (call.tls !== '') attributes['tls.protocol.version'] = call.tls.replace(/^TLSv/, '');
  return attributes;
}

/** Why the call has not ended in good order, which only some calls say. */
function addReason(attributes: Attributes, { reason, blockedBy, deadlineMs }: FinishedCall): void {
  if (reason === '') return;
  attributes['framegate.reason'] = bounded(reason);
  if (blockedBy !== '') attributes['framegate.blocked_by'] = blockedBy;
  if (deadlineMs >= 0) attributes['framegate.deadline_ms'] = deadlineMs;
}

/** What the spans of all attempts of a call have in common. */
interface Attempted {
  readonly server: Span;
  readonly call: FinishedCall;
}

function clientSpan(attempted: Attempted, attempt: FinishedAttempt, index: number): Span {
  const { server, call } = attempted;
  const { endedEpochMs, event, beganEpochMs } = attempt;
  // Sums of floating-point numbers differ in their last digits, so an attempt may seem to begin after its end, or that of the call.
  const startEpochMs = Math.min(server.endEpochMs, Math.max(server.startEpochMs, beganEpochMs));
  const endEpochMs =
    endedEpochMs === -1
      ? server.endEpochMs
      : Math.min(server.endEpochMs, Math.max(startEpochMs, endedEpochMs));
  const status = statusOf(attempt, call);
  const error = errorOf(
    attempt,
    status,
    call.isGrpc || call.attemptCount !== index + 1 ? 0 : call.httpStatus,
  );
  const attributes = clientAttributes(call, attempt, status, index);
  if (error !== undefined) attributes['error.type'] = error;
  return {
    traceId: server.traceId,
    spanId: attempt.spanId,
    parentId: server.spanId,
    hasRemoteParent: false,
    state: server.state,
    kind: 'client',
    name: server.name,
    startEpochMs,
    endEpochMs,
    attributes,
    events: event === '' ? [] : [{ name: event, atEpochMs: endEpochMs, attributes: detailOf(attempt) }],
    error: error === undefined ? undefined : '',
  };
}

function clientAttributes(
  call: FinishedCall,
  attempt: FinishedAttempt,
  status: string,
  index: number,
): Attributes {
  const attributes: Attributes = {};
  addMethod(attributes, call);
  addPeer(attributes, 'server.address', 'server.port', attempt.endpoint);
  if (status !== '') attributes['rpc.status_code'] = status;
  attributes['framegate.attempt'] = index + 1;
  attributes['framegate.attempt.outcome'] = outcomeOf(attempt);
  return attributes;
}

function outcomeOf({ outcome }: FinishedAttempt): string {
  return outcome === '' ? 'given_up' : outcome;
}

/**
 * The gRPC status of an attempt, or ''. An attempt that was given up with its call has that of the call. One that was given up for another
 * attempt has none, since the status of the call says nothing about it.
 */
function statusOf(attempt: FinishedAttempt, { isGrpc, grpcStatus, attempts }: FinishedCall): string {
  if (!isGrpc) return '';
  if (attempt.grpcStatus !== '') return bounded(attempt.grpcStatus);
  const { endedEpochMs } = attempt;
  if (outcomeOf(attempt) !== 'given_up') return '';
  const wasReplaced =
    endedEpochMs !== -1 && attempts.some((other) => other !== attempt && other.beganEpochMs >= endedEpochMs);
  return wasReplaced ? '' : bounded(grpcStatus);
}

function detailOf({ detail }: FinishedAttempt): SpanAttributes {
  return detail === '' ? {} : { 'framegate.detail': bounded(detail) };
}

/**
 * What has gone wrong with an attempt in one word, or undefined. A hedged attempt that was too slow has not gone wrong.
 * @param status its gRPC status, or ''
 * @param httpStatus what it was answered with, or 0 if that is not known or counts for nothing
 */
function errorOf(attempt: FinishedAttempt, status: string, httpStatus: number): string | undefined {
  const { outcome, event } = attempt;
  if (outcome === 'lost') return undefined;
  if (attempt.grpcStatus === '' && event !== '') return event;
  if (status !== '') return status === 'OK' ? undefined : status;
  if (outcome === 'answered') return httpStatus >= 400 ? String(httpStatus) : undefined;
  return outcome === 'failed' ? 'invalid_response' : 'cancelled';
}

function nameOf(call: FinishedCall): string {
  if (!call.isGrpc) return httpMethodOf(call.httpMethod);
  return call.isMethodNamed || call.attemptCount > 0 ? methodName(call.method) : OTHER;
}

function addMethod(attributes: Attributes, call: FinishedCall): void {
  const { method, isGrpc, httpMethod } = call;
  const name = nameOf(call);
  if (isGrpc) {
    attributes['rpc.system.name'] = 'grpc';
    attributes['rpc.method'] = name;
    if (name === OTHER) attributes['rpc.method_original'] = methodName(method);
    return;
  }
  attributes['http.request.method'] = name;
  if (name === OTHER) attributes['http.request.method_original'] = bounded(httpMethod);
  attributes['url.path'] = bounded(shownPath(method));
}

function httpMethodOf(method: string): string {
  return HTTP_METHODS.has(method) ? method : OTHER;
}

function methodName(path: string): string {
  return bounded(shownPath(path).replace(/^\//, ''));
}

function addStatus(attributes: Attributes, call: FinishedCall, isFailed: boolean): void {
  const { grpcStatus, httpStatus, isGrpc } = call;
  const status = isGrpc ? bounded(grpcStatus) : String(httpStatus);
  if (!isGrpc) attributes['http.response.status_code'] = httpStatus;
  else if (grpcStatus !== '') attributes['rpc.status_code'] = status;
  if (isFailed) attributes['error.type'] = status;
  if (hasToken(call)) attributes['framegate.token'] = tokenOf(call.reason);
}

function eventsOf(call: FinishedCall, endEpochMs: number): readonly SpanEvent[] {
  const { reason } = call;
  const events: SpanEvent[] = [];
  let before: FinishedAttempt | undefined;
  for (const [index, attempt] of call.attempts.entries()) {
    if (before !== undefined) {
      const isBeside = before.endedEpochMs === -1 || before.endedEpochMs > attempt.beganEpochMs;
      events.push({
        name: isBeside ? 'hedge' : 'retry',
        atEpochMs: attempt.beganEpochMs,
        attributes: { 'framegate.attempt': index + 1, 'framegate.endpoint': attempt.endpoint },
      });
    }
    before = attempt;
  }
  if (hasToken(call))
    events.push({
      name: 'verdict',
      atEpochMs: endEpochMs,
      attributes: { 'framegate.token': tokenOf(reason), 'framegate.reason': bounded(reason) },
    });
  return events;
}

function hasToken(call: FinishedCall): boolean {
  return call.endedBy === 'framegate' && TOKEN.test(call.reason);
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
