// The header fields that an attempt adds to those of its kind of call: the id of the call, and the remaining time of its deadline.

import type { CallTrace } from '../calls/call-trace.ts';
import { binaryTraceParent, GRPC_TRACE_BIN, TRACEPARENT, TRACESTATE } from '../calls/trace-parent.ts';
import { formatGrpcTimeout } from '../grpc/timeout.ts';
import type { CallChanges } from './call-changes.ts';
import type { CallFields } from './call-fields.ts';
import type { RelayContext } from './relay-context.ts';
import type { RequestHead } from './request-head.ts';

/**
 * The most bytes that CallFields adds, as HeaderList.sizeBytes counts them: x-request-id with 32 bytes, grpc-timeout, and
 * grpc-previous-rpc-attempts.
 */
const CALL_FIELDS_BYTES = 12 + 32 + 32 + 12 + 9 + 32 + 26 + 2 + 32;

/** The same for traceparent, and for a grpc-trace-bin. */
const TRACE_FIELDS_BYTES = 11 + 55 + 32 + 14 + 39 + 32;

/** What an attempt needs to know about its call. */
export interface FieldSource {
  readonly subject: RequestHead;
  /** A number from RequestIds, or the client's own x-request-id. */
  readonly requestId: string | number;
  /** What policies change in this call alone. Undefined if none looks at it. */
  readonly changes: CallChanges | undefined;
  readonly durationMs: number;
  /** Undefined if the call is not traced. */
  readonly trace?: CallTrace | undefined;
  /** How many attempts the retry policy of the route has granted. */
  readonly retries: number;
}

/** The value of grpc-previous-rpc-attempts (gRPC proposal A6), which is sent unless it is 0: the retries of the client, and ours. */
function previousAttempts({ subject, retries }: FieldSource): number {
  return subject.previousAttempts + retries;
}

/** The most bytes that fields of this call alone take, as HeaderList.sizeBytes counts them. */
export function mostFieldBytes({ changes, trace }: FieldSource): number {
  const own = CALL_FIELDS_BYTES + (changes === undefined ? 0 : changes.addedFields.sizeBytes);
  return trace === undefined ? own : own + TRACE_FIELDS_BYTES + stateBytes(trace);
}

function stateBytes({ state }: CallTrace): number {
  return state === '' ? 0 : TRACESTATE.length + state.length + 32;
}

/** Calls that have not waited here have the same text: to write it anew for each would cost more than the rest of these fields. */
function timeoutOf({ subject, durationMs }: FieldSource): string | undefined {
  const { timeoutMs, timeoutText } = subject;
  if (timeoutMs === undefined || timeoutText === undefined) return undefined;
  return durationMs < 1 ? timeoutText : formatGrpcTimeout(timeoutMs - durationMs);
}

/**
 * The fields for an HTTP/2 service.
 * @param apart encoded fields in which calls of one kind differ
 */
export function attemptFields(source: FieldSource, { callFields }: RelayContext, apart: string): CallFields {
  const { requestId, changes } = source;
  callFields.begin();
  if (typeof requestId === 'number') callFields.addRequestId(requestId);
  const timeout = timeoutOf(source);
  if (timeout !== undefined) callFields.addTimeout(timeout);
  const previous = previousAttempts(source);
  if (previous > 0) callFields.addPreviousAttempts(previous);
  if (source.trace !== undefined) addTrace(callFields, source.trace);
  if (apart !== '') callFields.addText(apart);
  if (changes !== undefined) callFields.addAll(changes.addedFields);
  return callFields;
}

/** The fields for an HTTP/1.1 service, names and values alternating. */
export function attemptTextFields(source: FieldSource, { requestIds }: RelayContext): readonly string[] {
  const { requestId, changes, trace } = source;
  const fields: string[] = [];
  if (typeof requestId === 'number') fields.push('x-request-id', requestIds.text(requestId));
  const timeout = timeoutOf(source);
  if (timeout !== undefined) fields.push('grpc-timeout', timeout);
  if (trace !== undefined) fields.push(...traceTextFields(trace));
  const addedFields = changes?.addedFields;
  addedFields?.names.forEach((name, index) => fields.push(name, addedFields.valueAt(index)));
  return fields;
}

/** The fields by which the service learns of the trace. Its parent is the attempt that has begun last. */
function addTrace(callFields: CallFields, trace: CallTrace): void {
  const { state } = trace;
  if (trace.formats.w3c) callFields.addTraceParent(trace);
  if (state !== '') callFields.add(TRACESTATE, state);
  if (trace.hasBinary) callFields.add(GRPC_TRACE_BIN, binaryOf(trace, trace.latestSpanId));
}

function traceTextFields(trace: CallTrace): readonly string[] {
  const { latestSpanId, formats, state, traceId, flags } = trace;
  const fields: string[] = [];
  if (formats.w3c) fields.push(TRACEPARENT, `00-${traceId}-${latestSpanId}-0${flags}`);
  if (state !== '') fields.push(TRACESTATE, state);
  if (trace.hasBinary) fields.push(GRPC_TRACE_BIN, binaryOf(trace, latestSpanId));
  return fields;
}

function binaryOf({ traceId, isSampled }: CallTrace, spanId: string): string {
  return binaryTraceParent(traceId, spanId, isSampled);
}
