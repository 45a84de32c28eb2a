// What a call remembers of itself while it runs, in case spans are made of it at its end: its ids, and when its attempts began and ended.
// There is no span before the end, so that a call that is not sampled costs no more than this.

import type { AttemptOutcome } from './endpoint-counts.ts';
import { hexText, type TraceIds, writeHex } from './trace-ids.ts';
import type { TraceFormats, TraceParent } from './trace-parent.ts';

/** What spans tell of a kind of call. */
export interface TracedKind {
  /** Whether the client's claims are believed (`trustedClients`). */
  readonly trusted: boolean;
  /** Whether the service receives a gRPC call. */
  readonly isGrpc: boolean;
  readonly httpMethod: string;
}

/** Something that happened to an attempt, at the time at which the attempt ended. */
export interface AttemptEvent {
  readonly name: 'reset' | 'goaway' | 'connection_lost' | 'unreachable';
  /** One word or sentence about it, or ''. */
  readonly detail: string;
}

/** One attempt of a call, from when it is sent. All times are those of turnNowMs. */
export class AttemptTrace {
  /** The id of its span, 32 bits each. The service gets it as its parent. */
  readonly #span0: number;
  readonly #span1: number;
  /** The address of the endpoint, as configured. */
  readonly endpoint: string;
  readonly beganMs: number;
  /** -1 while it runs. */
  endedMs = -1;
  /** Undefined while it runs. */
  outcome: AttemptOutcome | undefined = undefined;
  /** The name of the gRPC status that the endpoint has sent, or ''. */
  grpcStatus = '';
  event: AttemptEvent | undefined = undefined;

  constructor(span0: number, span1: number, endpoint: string, beganMs: number) {
    this.#span0 = span0;
    this.#span1 = span1;
    this.endpoint = endpoint;
    this.beganMs = beganMs;
  }

  /** The id of its span: 16 hex digits. */
  get spanId(): string {
    return hexText(this.#span0, this.#span1);
  }

  /** Writes the id of its span as 16 hex digits. @returns the offset after them */
  writeSpanId(target: Uint8Array, offset: number): number {
    return writeHex(target, writeHex(target, offset, this.#span0), this.#span1);
  }

  /** Only the first end counts. */
  end(outcome: AttemptOutcome, nowMs: number): void {
    if (this.endedMs !== -1) return;
    this.endedMs = nowMs;
    this.outcome = outcome;
  }
}

/** Ends with the call. */
export interface CallWatch {
  close(): void;
}

/** Decides which calls are sampled. */
export interface Sampler {
  /** Whether the sampled flag of a parent decides. */
  follows(kind: TracedKind): boolean;
  /** @returns whether a call with these 64 random bits is sampled, of which the lowest 56 count */
  takes(high: number, low: number): boolean;
}

export interface TraceTerms {
  readonly formats: TraceFormats;
  readonly ids: TraceIds;
  readonly sampler: Sampler;
}

export class CallTrace {
  readonly kind: TracedKind;
  /** Undefined if the request belongs to no trace. */
  readonly parent: TraceParent | undefined;
  /** Whether spans are exported whatever becomes of the call. Decided at its start, and told to the service. */
  readonly isSampled: boolean;
  /** The formats in which the service is told of the trace. */
  readonly formats: TraceFormats;
  readonly #ids: TraceIds;
  readonly #trace0: number;
  readonly #trace1: number;
  readonly #trace2: number;
  readonly #trace3: number;
  /** The call's own span. */
  readonly #span0: number;
  readonly #span1: number;
  #first: AttemptTrace | undefined = undefined;
  #others: AttemptTrace[] | undefined = undefined;
  /** What reports on the call while it runs. */
  watch: CallWatch | undefined = undefined;

  constructor(kind: TracedKind, parent: TraceParent | undefined, { ids, formats, sampler }: TraceTerms) {
    this.kind = kind;
    this.parent = parent;
    this.formats = formats;
    this.#ids = ids;
    this.#span0 = ids.next();
    this.#span1 = ids.next();
    if (parent === undefined || (parent.span0 | parent.span1) === 0) {
      this.#trace0 = ids.next();
      this.#trace1 = ids.next();
      this.#trace2 = ids.next();
      this.#trace3 = ids.next();
      this.isSampled = sampler.takes(this.#trace2, this.#trace3);
    } else {
      this.#trace0 = parent.trace0;
      this.#trace1 = parent.trace1;
      this.#trace2 = parent.trace2;
      this.#trace3 = parent.trace3;
      // The id of a trace that a client names says nothing: it could choose one that is sampled.
      this.isSampled = sampler.follows(kind) ? parent.isSampled : sampler.takes(this.#span0, this.#span1);
    }
  }

  /** 32 hex digits. */
  get traceId(): string {
    return hexText(this.#trace0, this.#trace1, this.#trace2, this.#trace3);
  }

  /** Writes the trace id as 32 hex digits. @returns the offset after them */
  writeTraceId(target: Uint8Array, offset: number): number {
    const half = writeHex(target, writeHex(target, offset, this.#trace0), this.#trace1);
    return writeHex(target, writeHex(target, half, this.#trace2), this.#trace3);
  }

  /** The span of the caller, or ''. */
  get parentId(): string {
    const { span0 = 0, span1 = 0 } = this.parent ?? {};
    return (span0 | span1) === 0 ? '' : hexText(span0, span1);
  }

  /** The call's own span: 16 hex digits. */
  get spanId(): string {
    return hexText(this.#span0, this.#span1);
  }

  /** The id of a further span of this call: 16 hex digits. */
  newSpanId(): string {
    return hexText(this.#ids.next(), this.#ids.next());
  }

  /** @param nowMs as turnNowMs has it */
  beginAttempt(endpoint: string, nowMs: number): AttemptTrace {
    // The ids of attempts follow that of the call, which is random: no two spans of the call have the same, and it saves random bytes.
    const number = 1 + (this.#first === undefined ? 0 : 1 + (this.#others?.length ?? 0));
    const attempt = new AttemptTrace(this.#span0, (this.#span1 + number) | 0, endpoint, nowMs);
    if (this.#first === undefined) this.#first = attempt;
    else (this.#others ??= []).push(attempt);
    return attempt;
  }

  /** The attempt that has begun last. */
  get latest(): AttemptTrace | undefined {
    return this.#others === undefined ? this.#first : this.#others[this.#others.length - 1];
  }

  /** All attempts, in the order in which they have begun. */
  get attempts(): readonly AttemptTrace[] {
    return this.#first === undefined ? [] : [this.#first, ...(this.#others ?? [])];
  }
}
