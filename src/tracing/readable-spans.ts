// Spans as OpenTelemetry's exporters take them, and what their results mean. The home of the packages whose types both exporters share.

import { type Attributes, DiagLogLevel, diag, type HrTime, type SpanContext } from '@opentelemetry/api';
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Span, SpanKind } from './span.ts';
import type { ExportResult, SpanSource } from './span-exporter.ts';

/** An exporter of OpenTelemetry's. */
interface LibraryExporter {
  export(spans: ReadableSpan[], done: (result: LibraryResult) => void): void;
}

interface LibraryResult {
  readonly code: number;
  readonly error?: Error;
}

const SUCCESS = 0;
const SAMPLED = 1;
const KINDS: Readonly<Record<SpanKind, number>> = { internal: 0, server: 1, client: 2 };
const STATUS_UNSET = 0;
const STATUS_ERROR = 2;
const NO_TIME: HrTime = [0, 0];
/** Of a second. */
const LAST_NANOSECOND = 999_999_999;

/**
 * How many spans the newest answer has rejected. The exporters tell of it only by the logger of diagnoses, which the whole process shares,
 * just before they call back; and one batch at a time is under way.
 */
let rejectedSpans = 0;

function forgetRejected(): void {
  rejectedSpans = 0;
}

const ignore = (): void => undefined;

diag.setLogger(
  {
    verbose: ignore,
    debug: ignore,
    info: ignore,
    warn: (message, ...more: readonly unknown[]) => {
      if (message.startsWith('Received Partial Success')) rejectedSpans = rejectedBy(more[0]);
    },
    error: ignore,
  },
  { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
);

/** @param answer JSON of `partial_success`. Its text is the collector's, and is not repeated. */
function rejectedBy(answer: unknown): number {
  if (typeof answer !== 'string') return 0;
  const parsed: unknown = JSON.parse(answer);
  const count: unknown =
    typeof parsed === 'object' && parsed !== null && 'rejectedSpans' in parsed ? parsed.rejectedSpans : 0;
  return typeof count === 'number' && count > 0 ? Math.floor(count) : 0;
}

export class ReadableSpans {
  readonly #resource: Resource;
  readonly #scope: ReadableSpan['instrumentationScope'];

  constructor({ service, version, instance }: SpanSource) {
    this.#resource = resourceFromAttributes({
      'service.name': service,
      'service.version': version,
      'service.instance.id': instance,
    });
    this.#scope = { name: 'framegate', version };
  }

  /** Exports by a library's exporter. Never throws or rejects. */
  export(exporter: LibraryExporter, spans: readonly Span[]): Promise<ExportResult> {
    return new Promise((resolve) => {
      try {
        forgetRejected();
        exporter.export(
          spans.map((span) => this.#readable(span)),
          ({ code, error }) => {
            const rejected = Math.min(rejectedSpans, spans.length);
            resolve(code === SUCCESS ? { kind: 'exported', rejected } : failed(error));
          },
        );
      } catch (error) {
        resolve(failed(error));
      }
    });
  }

  #readable(span: Span): ReadableSpan {
    const own = contextOf(span, span.spanId, false);
    const startTime = hrTime(span.startEpochMs);
    return {
      name: span.name,
      kind: KINDS[span.kind],
      spanContext: () => own,
      ...(span.parentId !== '' && {
        parentSpanContext: contextOf(span, span.parentId, span.hasRemoteParent),
      }),
      startTime,
      endTime: endAfter(startTime, hrTime(span.endEpochMs)),
      duration: NO_TIME,
      ended: true,
      status: span.error === undefined ? { code: STATUS_UNSET } : { code: STATUS_ERROR, message: span.error },
      attributes: attributesOf(span.attributes),
      links: [],
      events: span.events.map(({ name, atEpochMs, attributes }) => ({
        name,
        time: hrTime(atEpochMs),
        attributes: attributesOf(attributes),
      })),
      resource: this.#resource,
      instrumentationScope: this.#scope,
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
    };
  }
}

function attributesOf(attributes: Span['attributes']): Attributes {
  return attributes;
}

function contextOf({ traceId, state }: Span, spanId: string, isRemote: boolean): SpanContext {
  const context = { traceId, spanId, traceFlags: SAMPLED, isRemote };
  return state === '' ? context : { ...context, traceState: traceState(state) };
}

/** The exporters only serialise it. */
function traceState(text: string): NonNullable<SpanContext['traceState']> {
  const state: NonNullable<SpanContext['traceState']> = {
    set: () => state,
    unset: () => state,
    get: () => undefined,
    serialize: () => text,
  };
  return state;
}

function hrTime(epochMs: number): HrTime {
  const seconds = Math.floor(epochMs / 1000);
  return [seconds, Math.min(LAST_NANOSECOND, Math.max(0, Math.round((epochMs - seconds * 1000) * 1e6)))];
}

/**
 * Jaeger marks a span that does not end after its start with a warning of a negative duration. The times of spans are exact to a quarter of
 * a microsecond, so this nanosecond can only be added here.
 * @returns the end, or the nanosecond after the start if the end is not after the start
 */
function endAfter(start: HrTime, end: HrTime): HrTime {
  if (end[0] > start[0] || (end[0] === start[0] && end[1] > start[1])) return end;
  return start[1] < LAST_NANOSECOND ? [start[0], start[1] + 1] : [start[0] + 1, 0];
}

/** What a collector may get over: no connection, no answer in time, and the statuses by which it says so (OTLP, "Failures"). */
const TEMPORARY = new Set(['408', '429', '502', '503', '504', 'timeout', 'unavailable']);
const TEMPORARY_GRPC = new Map([
  [1, 'CANCELLED'],
  [4, 'DEADLINE_EXCEEDED'],
  [8, 'RESOURCE_EXHAUSTED'],
  [10, 'ABORTED'],
  [11, 'OUT_OF_RANGE'],
  [14, 'UNAVAILABLE'],
  [15, 'DATA_LOSS'],
]);

/**
 * The text of the error is never used: a collector may have written it, and could repeat there the secret it was sent.
 * @param error what the exporter has failed with: Node's errors have a text as code, those of HTTP and gRPC a number
 */
function failed(error: unknown): ExportResult {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code === 'number') {
    const name = code < 100 ? (TEMPORARY_GRPC.get(code) ?? `gRPC status ${code}`) : String(code);
    return { kind: 'failed', isTemporary: TEMPORARY_GRPC.has(code) || TEMPORARY.has(name), code: name };
  }
  if (typeof code === 'string' && /^[A-Z0-9_]{1,40}$/.test(code))
    return { kind: 'failed', isTemporary: true, code };
  // The exporter over HTTP keeps no status of an answer that says to try again.
  return { kind: 'failed', isTemporary: true, code: 'unavailable' };
}
