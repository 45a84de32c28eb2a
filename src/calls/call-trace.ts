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

/** One attempt of a call, from when it was sent. All times are those of turnNowMs. */
export interface AttemptTrace {
  /** The id of its span: 16 hex digits. The service got it as its parent. */
  readonly spanId: string;
  /** The address of the endpoint, as configured. */
  readonly endpoint: string;
  readonly beganMs: number;
  /** -1 while it runs. */
  readonly endedMs: number;
  /** Undefined while it runs. */
  readonly outcome: AttemptOutcome | undefined;
  /** The name of the gRPC status that the endpoint has sent, or ''. */
  readonly grpcStatus: string;
  readonly event: AttemptEvent | undefined;
}

/** What an attempt notes of itself. */
export interface AttemptNotes {
  grpcStatus: string;
  event: AttemptEvent | undefined;
  /** Only the first end counts. @param nowMs as turnNowMs has it */
  end(outcome: AttemptOutcome, nowMs: number): void;
}

/**
 * What is remembered of an attempt. Times are whole milliseconds and the microseconds beyond, since V8 keeps a number with a fraction as an
 * object of its own, which the garbage collector would move for each call that runs.
 */
interface AttemptMemory {
  readonly endpoint: string;
  readonly beganMs: number;
  readonly beganMicroseconds: number;
  readonly endedMs: number;
  readonly endedMicroseconds: number;
  readonly outcome: AttemptOutcome | undefined;
  readonly grpcStatus: string;
  readonly event: AttemptEvent | undefined;
}

function microsecondsOf(timeMs: number): number {
  return ((timeMs - Math.floor(timeMs)) * 1000) | 0;
}

/** An attempt after the first one. */
class FurtherAttempt implements AttemptMemory, AttemptNotes {
  readonly endpoint: string;
  readonly beganMs: number;
  readonly beganMicroseconds: number;
  endedMs = -1;
  endedMicroseconds = 0;
  outcome: AttemptOutcome | undefined = undefined;
  grpcStatus = '';
  event: AttemptEvent | undefined = undefined;

  constructor(endpoint: string, beganMs: number) {
    this.endpoint = endpoint;
    this.beganMs = Math.floor(beganMs);
    this.beganMicroseconds = microsecondsOf(beganMs);
  }

  end(outcome: AttemptOutcome, nowMs: number): void {
    if (this.endedMs !== -1) return;
    this.endedMs = Math.floor(nowMs);
    this.endedMicroseconds = microsecondsOf(nowMs);
    this.outcome = outcome;
  }
}

/** Ends with the call: its exchange closes it, also when no observer of traces is configured any more. */
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

/** It is also the memory of its first attempt, so that a call without retries has no other object. */
export class CallTrace implements AttemptMemory, AttemptNotes {
  readonly kind: TracedKind;
  /** Undefined if the request belongs to no trace. */
  readonly parent: TraceParent | undefined;
  /** Whether spans are exported whatever becomes of the call. Decided at its start, and told to the service. */
  readonly isSampled: boolean;
  readonly #terms: TraceTerms;
  readonly #trace0: number;
  readonly #trace1: number;
  readonly #trace2: number;
  readonly #trace3: number;
  /** The call's own span. */
  readonly #span0: number;
  readonly #span1: number;
  /** '' before the first attempt. */
  endpoint = '';
  beganMs = 0;
  beganMicroseconds = 0;
  endedMs = -1;
  endedMicroseconds = 0;
  outcome: AttemptOutcome | undefined = undefined;
  grpcStatus = '';
  event: AttemptEvent | undefined = undefined;
  #others: FurtherAttempt[] | undefined = undefined;
  /** What reports on the call while it runs. */
  watch: CallWatch | undefined = undefined;

  constructor(kind: TracedKind, parent: TraceParent | undefined, terms: TraceTerms) {
    const { ids, sampler } = terms;
    this.kind = kind;
    this.parent = parent;
    this.#terms = terms;
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

  /** The formats in which the service is told of the trace. */
  get formats(): TraceFormats {
    return this.#terms.formats;
  }

  /** 32 hex digits. */
  get traceId(): string {
    return hexText(this.#trace0, this.#trace1) + hexText(this.#trace2, this.#trace3);
  }

  /** Writes the trace id as 32 hex digits. @returns the offset after them */
  writeTraceId(target: DataView, offset: number): number {
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
    return hexText(this.#terms.ids.next(), this.#terms.ids.next());
  }

  /** @param nowMs as turnNowMs has it */
  beginAttempt(endpoint: string, nowMs: number): AttemptNotes {
    if (this.endpoint !== '') {
      const attempt = new FurtherAttempt(endpoint, nowMs);
      (this.#others ??= []).push(attempt);
      return attempt;
    }
    this.endpoint = endpoint;
    this.beganMs = Math.floor(nowMs);
    this.beganMicroseconds = microsecondsOf(nowMs);
    return this;
  }

  /** Of the first attempt. */
  end(outcome: AttemptOutcome, nowMs: number): void {
    if (this.endedMs !== -1) return;
    this.endedMs = Math.floor(nowMs);
    this.endedMicroseconds = microsecondsOf(nowMs);
    this.outcome = outcome;
  }

  get attemptCount(): number {
    return this.endpoint === '' ? 0 : 1 + (this.#others?.length ?? 0);
  }

  /** The endpoint of the attempt that has begun last, or ''. */
  get latestEndpoint(): string {
    return this.#others === undefined ? this.endpoint : this.#others[this.#others.length - 1].endpoint;
  }

  /** Writes the id of the span of the attempt that has begun last. @returns the offset after its 16 hex digits */
  writeLatestSpanId(target: DataView, offset: number): number {
    return writeHex(target, writeHex(target, offset, this.#span0), this.#spanOf(this.attemptCount));
  }

  /** The same as text. */
  get latestSpanId(): string {
    return hexText(this.#span0, this.#spanOf(this.attemptCount));
  }

  /** The ids of attempts follow that of the call, which is random: no two spans of the call have the same. @param number from 1 */
  #spanOf(number: number): number {
    return (this.#span1 + number) | 0;
  }

  /** All attempts, in the order in which they have begun. */
  get attempts(): readonly AttemptTrace[] {
    if (this.endpoint === '') return [];
    return [this, ...(this.#others ?? [])].map((memory, index) => this.#describe(memory, index + 1));
  }

  #describe(memory: AttemptMemory, number: number): AttemptTrace {
    const { endpoint, beganMs, beganMicroseconds, endedMs, endedMicroseconds } = memory;
    const { outcome, grpcStatus, event } = memory;
    return {
      spanId: hexText(this.#span0, this.#spanOf(number)),
      endpoint,
      beganMs: beganMs + beganMicroseconds / 1000,
      endedMs: endedMs === -1 ? -1 : endedMs + endedMicroseconds / 1000,
      outcome,
      grpcStatus,
      event,
    };
  }
}
