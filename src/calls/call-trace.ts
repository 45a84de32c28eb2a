// What a call remembers of itself while it runs, in case spans are made of it at its end: its ids, and when its attempts began and ended.
// There is no span before the end, so that a call that is not sampled costs no more than this.

import type { AttemptOutcome } from './endpoint-counts.ts';
import { hexText, type TraceIds, writeHex } from './trace-ids.ts';
import { RANDOM, SAMPLED, type TraceFormats, type TraceParent } from './trace-parent.ts';

/** What spans tell of a kind of call. */
export interface TracedKind {
  /** Whether the client's claims are believed (`trustedClients`). */
  readonly trusted: boolean;
  /** Whether the service receives a gRPC call. */
  readonly isGrpc: boolean;
  /** Whether the configuration names the method (`methodOfRoute`), so that no client has made it up. */
  readonly isMethodNamed: boolean;
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

/** Beside the flags of a traceparent: the service gets a grpc-trace-bin. */
const BINARY = 0x100;

/** It is also the memory of its first attempt, so that a call without retries has no other object. */
export class CallTrace implements AttemptMemory, AttemptNotes {
  readonly kind: TracedKind;
  readonly #terms: TraceTerms;
  /** Of SAMPLED, RANDOM and BINARY. One number for all, since whatever is kept of a call costs the garbage collector. */
  readonly #flags: number;
  readonly #trace0: number;
  readonly #trace1: number;
  readonly #trace2: number;
  readonly #trace3: number;
  /** The call's own span. */
  readonly #span0: number;
  readonly #span1: number;
  /** The span of the caller. Both are 0 if it has none. */
  readonly #parent0: number;
  readonly #parent1: number;
  /** The tracestate of the request, or ''. */
  readonly state: string;
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

  /** @param parent what the request says. It is not kept */
  constructor(kind: TracedKind, parent: TraceParent, terms: TraceTerms) {
    const { ids, sampler } = terms;
    const { span0, span1 } = parent;
    this.kind = kind;
    this.#terms = terms;
    this.#span0 = ids.next();
    this.#span1 = ids.next();
    this.#parent0 = span0;
    this.#parent1 = span1;
    this.state = parent.state;
    let isSampled: boolean;
    if ((span0 | span1) === 0) {
      this.#trace0 = ids.next();
      this.#trace1 = ids.next();
      this.#trace2 = ids.next();
      this.#trace3 = ids.next();
      isSampled = sampler.takes(this.#trace2, this.#trace3);
    } else {
      this.#trace0 = parent.trace0;
      this.#trace1 = parent.trace1;
      this.#trace2 = parent.trace2;
      this.#trace3 = parent.trace3;
      // The id of a trace that a client names says nothing: it could choose one that is sampled.
      isSampled = sampler.follows(kind) ? parent.isSampled : sampler.takes(this.#span0, this.#span1);
    }
    this.#flags =
      (isSampled ? SAMPLED : 0) | (parent.isRandom ? RANDOM : 0) | (parent.hasBinary ? BINARY : 0);
  }

  /** Whether spans are exported whatever becomes of the call. Decided at its start, and told to the service. */
  get isSampled(): boolean {
    return (this.#flags & SAMPLED) !== 0;
  }

  /** The flags of the traceparent that the service gets, from 0 to 3. */
  get flags(): number {
    return this.#flags & (SAMPLED | RANDOM);
  }

  /** Whether the request has a grpc-trace-bin, so that the service gets one as well. */
  get hasBinary(): boolean {
    return (this.#flags & BINARY) !== 0;
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
    return (this.#parent0 | this.#parent1) === 0 ? '' : hexText(this.#parent0, this.#parent1);
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
