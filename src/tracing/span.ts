// A finished span, independent of the library that exports it.

export type SpanKind = 'server' | 'client' | 'internal';

export type SpanAttributes = Readonly<Record<string, string | number>>;

export interface SpanEvent {
  readonly name: string;
  readonly atEpochMs: number;
  readonly attributes: SpanAttributes;
}

export interface Span {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  /** 16 hex digits, or '' for the first span of a trace. */
  readonly parentId: string;
  /** Whether the parent is a span of another process. */
  readonly hasRemoteParent: boolean;
  /** The tracestate of the request, or ''. */
  readonly state: string;
  readonly kind: SpanKind;
  readonly name: string;
  readonly startEpochMs: number;
  readonly endEpochMs: number;
  readonly attributes: SpanAttributes;
  readonly events: readonly SpanEvent[];
  /** What is said of the failure, perhaps ''. Undefined if the span has not failed. */
  readonly error: string | undefined;
}
