// The trace that a request says it belongs to: by W3C Trace Context (traceparent, tracestate), or by gRPC's own grpc-trace-bin. What is
// malformed begins a new trace, as W3C demands; it is never passed on half understood.

import type { HeaderList } from '../h2/hpack/header-list.ts';
import { HexReader, hexDigitAt } from './trace-ids.ts';
import { isTraceState } from './trace-state.ts';

export const TRACEPARENT = 'traceparent';
export const TRACESTATE = 'tracestate';
export const GRPC_TRACE_BIN = 'grpc-trace-bin';

/** The formats that are read and written. Fields of other formats are passed on as they came. */
export interface TraceFormats {
  readonly w3c: boolean;
  readonly grpcTraceBin: boolean;
}

/** What a request says of its trace. The ids are all 0 if it names no valid one, so that a new one begins. */
export interface TraceParent {
  /** The id of the trace, 32 bits each. */
  readonly trace0: number;
  readonly trace1: number;
  readonly trace2: number;
  readonly trace3: number;
  /** The span of the caller, 32 bits each. */
  readonly span0: number;
  readonly span1: number;
  /** Whether the caller records the trace. */
  readonly isSampled: boolean;
  /** Whether the caller says that the trace id is random (W3C Trace Context level 2). */
  readonly isRandom: boolean;
  /** The tracestate to pass on, or ''. */
  readonly state: string;
  /** Whether the request has a grpc-trace-bin, so that the service gets one as well. */
  readonly hasBinary: boolean;
}

/** VERSION "-" TRACE-ID "-" PARENT-ID "-" FLAGS. The version ff is forbidden. */
const LENGTH = 55;
const TRACE_AT = 3;
const SPAN_AT = 36;
const FLAGS_AT = 53;
const DASH = 0x2d;
/** The flags of a traceparent. */
export const SAMPLED = 0x01;
export const RANDOM = 0x02;
/** A longer tracestate is left out: W3C asks for 512 bytes at least, and what a client may add to each call is bounded. */
const MOST_STATE_BYTES = 512;
/** version, 0, 16 bytes of the trace, 1, 8 bytes of the span, 2, flags: 29 bytes, in base64 with or without padding. */
const BINARY_BYTES = 29;
const MOST_BINARY_CHARACTERS = 40;

const reader = new HexReader();

/** Reads what requests say of their traces. One object serves all calls, since another one for each would cost more than reading. */
export class TraceParentReader implements TraceParent {
  readonly #formats: TraceFormats;
  trace0 = 0;
  trace1 = 0;
  trace2 = 0;
  trace3 = 0;
  span0 = 0;
  span1 = 0;
  isSampled = false;
  isRandom = false;
  state = '';
  hasBinary = false;

  constructor(formats: TraceFormats) {
    this.#formats = formats;
  }

  /** @returns what this request says; valid until the next call */
  read(list: HeaderList): TraceParent {
    const { names } = list;
    const { w3c, grpcTraceBin } = this.#formats;
    let texts = 0;
    let textAt = 0;
    let binaries = 0;
    let binaryAt = 0;
    let stateAt = -1;
    for (let index = 0; index < names.length; index++) {
      const name = names[index];
      if (name === TRACEPARENT) {
        texts++;
        textAt = index;
      } else if (name === GRPC_TRACE_BIN) {
        binaries++;
        binaryAt = index;
      } else if (name === TRACESTATE && stateAt === -1) stateAt = index;
    }
    this.hasBinary = grpcTraceBin && binaries > 0;
    this.state = '';
    // Of several, nobody knows which one counts.
    let isKnown = false;
    if (w3c && texts > 0) {
      isKnown = texts === 1 && this.#readText(list, textAt);
      if (isKnown && stateAt !== -1) this.state = stateOf(list, stateAt);
    } else if (grpcTraceBin && binaries === 1) isKnown = this.#readBinary(list.valueAt(binaryAt));
    if (!isKnown) this.#clear();
    return this;
  }

  /** Says that a new trace begins. */
  #clear(): void {
    this.trace0 = 0;
    this.trace1 = 0;
    this.trace2 = 0;
    this.trace3 = 0;
    this.span0 = 0;
    this.span1 = 0;
    this.isSampled = false;
    this.isRandom = false;
  }

  /** W3C Trace Context section 3.2. Reads the value where it lies, since nothing of it is kept as text. @returns whether it is valid */
  #readText(list: HeaderList, index: number): boolean {
    const text = list.sourceAt(index);
    const start = list.startAt(index);
    if (!isWellFormed(text, start, list.lengthAt(index))) return false;
    const at = start + TRACE_AT;
    reader.begin();
    this.trace0 = reader.read(text, at);
    this.trace1 = reader.read(text, at + 8);
    this.trace2 = reader.read(text, at + 16);
    this.trace3 = reader.read(text, at + 24);
    this.span0 = reader.read(text, start + SPAN_AT);
    this.span1 = reader.read(text, start + SPAN_AT + 8);
    const flags = hexDigitAt(text, start + FLAGS_AT + 1);
    this.isSampled = (flags & SAMPLED) !== 0;
    this.isRandom = (flags & RANDOM) !== 0;
    return reader.isHex && this.#hasIds;
  }

  /** The format of OpenCensus: a version 0, then each field behind its number. @returns whether it is valid */
  #readBinary(text: string): boolean {
    if (text.length > MOST_BINARY_CHARACTERS) return false;
    const bytes = Buffer.from(text, 'base64');
    if (bytes.length !== BINARY_BYTES) return false;
    if (bytes[0] !== 0 || bytes[1] !== 0 || bytes[18] !== 1 || bytes[27] !== 2) return false;
    [this.trace0, this.trace1, this.trace2, this.trace3] = [2, 6, 10, 14].map((at) => bytes.readInt32BE(at));
    [this.span0, this.span1] = [19, 23].map((at) => bytes.readInt32BE(at));
    this.isSampled = (bytes[28] & SAMPLED) !== 0;
    this.isRandom = false;
    return this.#hasIds;
  }

  get #hasIds(): boolean {
    const { trace0, trace1, trace2, trace3, span0, span1 } = this;
    return (trace0 | trace1 | trace2 | trace3) !== 0 && (span0 | span1) !== 0;
  }
}

/** All but the ids. A higher version may have more behind the flags, and what comes before them is read as in version 00. */
function isWellFormed(text: string, start: number, length: number): boolean {
  if (length < LENGTH) return false;
  const high = hexDigitAt(text, start);
  const low = hexDigitAt(text, start + 1);
  if (high < 0 || low < 0 || high + low === 30) return false;
  if (length > LENGTH && (high + low === 0 || text.charCodeAt(start + LENGTH) !== DASH)) return false;
  return (
    text.charCodeAt(start + TRACE_AT - 1) === DASH &&
    text.charCodeAt(start + SPAN_AT - 1) === DASH &&
    text.charCodeAt(start + FLAGS_AT - 1) === DASH &&
    hexDigitAt(text, start + FLAGS_AT) >= 0 &&
    hexDigitAt(text, start + FLAGS_AT + 1) >= 0
  );
}

/** Several fields are one list (W3C Trace Context section 3.3.1). What is no such list is dropped. @param first the index of the first of them */
function stateOf(list: HeaderList, first: number): string {
  let state = list.valueAt(first);
  for (let index = first + 1; index < list.length; index++)
    if (list.names[index] === TRACESTATE) state += `,${list.valueAt(index)}`;
  return state.length <= MOST_STATE_BYTES && isTraceState(state) ? state : '';
}

/** @returns the value of grpc-trace-bin: base64 without padding, as gRPC writes it */
export function binaryTraceParent(traceId: string, spanId: string, isSampled: boolean): string {
  const bytes = Buffer.from(`0000${traceId}01${spanId}02${isSampled ? '01' : '00'}`, 'hex');
  return bytes.toString('base64').replace(/=+$/, '');
}
