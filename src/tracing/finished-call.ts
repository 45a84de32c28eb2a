// What the process that exports spans is told of a finished call: plain data, from which it makes the spans. It travels as one line of
// JSON, an array without names, since the process that carries the call does no more for its traces than write this line.

import { SERVER_ERRORS } from '../calls/call-outcome.ts';
import type { AttemptTrace, CallTrace } from '../calls/call-trace.ts';
import type { ExchangeRecord, ExchangeTraffic } from '../calls/exchange-record.ts';
import { faultsText } from '../calls/injected-fault.ts';
import { epochMsOf } from '../transport/turn-clock.ts';

/** An attempt of a finished call. */
export interface FinishedAttempt {
  /** 16 hex digits. */
  readonly spanId: string;
  /** The address of the endpoint, as configured. */
  readonly endpoint: string;
  readonly beganEpochMs: number;
  /** -1 if it ended with the call. */
  readonly endedEpochMs: number;
  /** 'answered', 'failed', 'given_up' or 'lost'; '' if it ended with the call. */
  readonly outcome: string;
  /** The name of the gRPC status that the endpoint has sent, or ''. */
  readonly grpcStatus: string;
  /** What ended it ('reset' for example), or ''. */
  readonly event: string;
  /** One word or sentence about that, or ''. */
  readonly detail: string;
}

export interface FinishedCall extends ExchangeTraffic {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  /** 16 hex digits, or '' for the first span of a trace. */
  readonly parentId: string;
  /** The tracestate of the request, or ''. */
  readonly state: string;
  /** Whether the service receives a gRPC call. */
  readonly isGrpc: boolean;
  /** Whether the configuration names the method. */
  readonly isMethodNamed: boolean;
  readonly httpMethod: string;
  readonly listener: string;
  readonly client: string;
  readonly tls: string;
  readonly authority: string;
  /** The path of the request. */
  readonly method: string;
  readonly route: string;
  readonly upstream: string;
  readonly grpcStatus: string;
  readonly httpStatus: number;
  readonly reason: string;
  readonly endedBy: string;
  /** Who blocked the call when it was given up, or ''. */
  readonly blockedBy: string;
  /** The client's own deadline. -1 if it sent none. */
  readonly deadlineMs: number;
  /** What limits that are only tried would have done to the call, and the faults that the route has injected into it, or ''. */
  readonly dryRun: string;
  readonly fault: string;
  readonly startedAtEpochMs: number;
  readonly durationMs: number;
  /** How many attempts were made. */
  readonly attemptCount: number;
  /** Those of them that were sent to an endpoint, in their order. */
  readonly attempts: readonly FinishedAttempt[];
}

/** Whether the call has failed on the side of the server. */
export function hasFailed(
  { grpcStatus, httpStatus }: Pick<FinishedCall, 'grpcStatus' | 'httpStatus'>,
  isGrpc: boolean,
): boolean {
  // Nearly all calls are OK, and need not be looked up.
  return isGrpc ? grpcStatus !== 'OK' && SERVER_ERRORS.has(grpcStatus) : httpStatus >= 500;
}

/** Clients choose paths and services choose texts. Spans show 256 characters of a text; a query is cut off before. */
const MOST_CHARACTERS = 512;

/** How many spans are made of the call. */
export function spanCount(trace: CallTrace): number {
  return 1 + trace.attemptCount;
}

/** @returns the call as one line, without the line break. The record is not kept. */
export function lineOfCall(record: ExchangeRecord, trace: CallTrace): string {
  const { subject } = record;
  return JSON.stringify([
    trace.traceId,
    trace.spanId,
    trace.parentId,
    trace.state,
    trace.kind.isGrpc,
    trace.kind.isMethodNamed,
    bounded(trace.kind.httpMethod),
    subject.listener,
    subject.client,
    subject.tls,
    bounded(subject.authority),
    bounded(subject.method),
    subject.route,
    subject.upstream,
    bounded(record.grpcStatus),
    record.httpStatus,
    bounded(record.reason),
    record.endedBy,
    record.blockedBy ?? '',
    record.deadlineMs ?? -1,
    noted(record.dryRuns),
    noted(record.faults),
    record.startedAtEpochMs,
    record.durationMs,
    record.requestBytes,
    record.responseBytes,
    record.requestMessages,
    record.responseMessages,
    record.attempts,
    trace.attempts.flatMap(fieldsOfAttempt),
  ]);
}

function fieldsOfAttempt({
  spanId,
  endpoint,
  beganMs,
  endedMs,
  outcome,
  grpcStatus,
  event,
}: AttemptTrace): readonly (string | number)[] {
  const ended = endedMs === -1 ? -1 : epochMsOf(endedMs);
  const { name = '', detail = '' } = event ?? {};
  return [
    spanId,
    endpoint,
    epochMsOf(beganMs),
    ended,
    outcome ?? '',
    bounded(grpcStatus),
    name,
    bounded(detail),
  ];
}

/** Of nearly all calls, nothing is noted. */
function noted(faults: ExchangeRecord['faults']): string {
  return faults === undefined ? '' : bounded(faultsText(faults));
}

function bounded(text: string): string {
  return text.length <= MOST_CHARACTERS ? text : text.slice(0, MOST_CHARACTERS);
}

/** Throws an error if the line is not one of `lineOfCall`. */
export function readCall(line: string): FinishedCall {
  const fields = new Fields(JSON.parse(line));
  // Object literals are evaluated in the order in which they are written, which is that of the line.
  return {
    traceId: fields.text(),
    spanId: fields.text(),
    parentId: fields.text(),
    state: fields.text(),
    isGrpc: fields.flag(),
    isMethodNamed: fields.flag(),
    httpMethod: fields.text(),
    listener: fields.text(),
    client: fields.text(),
    tls: fields.text(),
    authority: fields.text(),
    method: fields.text(),
    route: fields.text(),
    upstream: fields.text(),
    grpcStatus: fields.text(),
    httpStatus: fields.number(),
    reason: fields.text(),
    endedBy: fields.text(),
    blockedBy: fields.text(),
    deadlineMs: fields.number(),
    dryRun: fields.text(),
    fault: fields.text(),
    startedAtEpochMs: fields.number(),
    durationMs: fields.number(),
    requestBytes: fields.number(),
    responseBytes: fields.number(),
    requestMessages: fields.number(),
    responseMessages: fields.number(),
    attemptCount: fields.number(),
    attempts: readAttempts(fields.next()),
  };
}

function readAttempts(values: unknown): readonly FinishedAttempt[] {
  const fields = new Fields(values);
  const attempts: FinishedAttempt[] = [];
  while (!fields.isAtEnd)
    attempts.push({
      spanId: fields.text(),
      endpoint: fields.text(),
      beganEpochMs: fields.number(),
      endedEpochMs: fields.number(),
      outcome: fields.text(),
      grpcStatus: fields.text(),
      event: fields.text(),
      detail: fields.text(),
    });
  return attempts;
}

/** The values of an array, read one after the other. */
class Fields {
  readonly #values: readonly unknown[];
  #at = 0;

  constructor(values: unknown) {
    if (!Array.isArray(values)) throw new TypeError('the line of a call is no array');
    this.#values = values;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#values.length;
  }

  next(): unknown {
    return this.#values[this.#at++];
  }

  text(): string {
    const value = this.next();
    if (typeof value !== 'string') throw this.#wrong('text');
    return value;
  }

  number(): number {
    const value = this.next();
    if (typeof value !== 'number') throw this.#wrong('a number');
    return value;
  }

  flag(): boolean {
    const value = this.next();
    if (typeof value !== 'boolean') throw this.#wrong('true or false');
    return value;
  }

  #wrong(what: string): TypeError {
    return new TypeError(`field ${this.#at} of the line of a call is not ${what}`);
  }
}
