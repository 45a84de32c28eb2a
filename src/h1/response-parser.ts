// Parses what a service sends on an HTTP/1.1 connection. Parsing and telling are two steps: what a chunk contains is told when the
// parser has returned, so that a receiver may do anything, also end the connection.

import {
  BODY_FOLLOWS,
  type BodyKind,
  Llhttp,
  type LlhttpCallbacks,
  NO_BODY,
  PARSED_ALL,
  PAUSED,
  PAUSED_BY_UPGRADE,
  SWITCHED,
} from './llhttp.ts';

/** The head of a response as the service sent it. */
export interface ParsedHead {
  /** Such as '1.1'. */
  readonly httpVersion: string;
  readonly httpStatus: number;
  readonly reasonPhrase: string;
  /** Names and values alternating, each byte one character. */
  readonly rawFields: readonly string[];
}

/** A violation. `code` is llhttp's name for it, or one of the two below, which are named alike. */
export interface ParseError {
  readonly code: string;
  readonly reason: string;
  /** The body is complete: the violation is in the trailer section behind its last chunk. */
  readonly isBehindBody: boolean;
}

/** The head or the trailer section is larger than allowed. */
export const HEAD_OVERFLOW = 'HPE_HEADER_OVERFLOW';
/** More than MOST_OVERHEAD_BYTES belong to no part of a response: blank lines, white space, chunk extensions. */
const OVERHEAD_OVERFLOW = 'HPE_OVERHEAD_OVERFLOW';

export interface ResponseEvents {
  /** A head with status 1xx, other than 101. */
  onInterim(head: ParsedHead): void;
  /** A head with status 101. What follows in the chunk is not HTTP, and is told to nobody. */
  onSwitched(head: ParsedHead): void;
  onHead(head: ParsedHead): void;
  /** A part of the body. The bytes are valid during the call. */
  onBody(bytes: Buffer, start: number, end: number): void;
  /** @param rawTrailers names and values alternating */
  onEnd(rawTrailers: readonly string[]): void;
}

/** For each field, what its colon and its end of line take, at least. */
const AROUND_A_FIELD_BYTES = 4;
/** How many bytes may come without a byte of a body, in addition to a head. */
const MOST_OVERHEAD_BYTES = 65_536;

/** What a call of `receive` or `finish` has found and not told yet. */
interface Found {
  interims: ParsedHead[] | undefined;
  head: ParsedHead | undefined;
  /** Start and end of each part of the body, alternating. */
  readonly parts: number[];
  hasEnded: boolean;
}

export class ResponseParser implements LlhttpCallbacks {
  readonly #maxHeadBytes: number;
  readonly #llhttp: Llhttp;
  readonly #found: Found = { interims: undefined, head: undefined, parts: [], hasEnded: false };
  #chunk: Buffer = NOTHING;
  #chunkLength = 0;
  #isHeadRequest = false;
  #reasonPhrase = '';
  #fields: string[] = [];
  /** How many bytes of the head or of the trailer section have come. */
  #headBytes = 0;
  #overheadBytes = 0;
  #hasHead = false;
  #isTooLarge = false;
  #hasEnded = false;

  /** @param maxHeadBytes how many bytes of a head or of trailers are accepted */
  constructor(maxHeadBytes: number) {
    this.#maxHeadBytes = maxHeadBytes;
    this.#llhttp = new Llhttp(this);
  }

  /** Whether the whole response was parsed, or status 101. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Whether more came in the last chunk than the response. */
  get hasExcess(): boolean {
    return this.#hasEnded && this.#llhttp.parsed < this.#chunkLength;
  }

  /** How many bytes of the last chunk belong to the response. */
  get parsed(): number {
    return this.#llhttp.parsed;
  }

  /** Whether the connection stays open behind this response, which has ended. */
  get isPersistent(): boolean {
    return this.#llhttp.isPersistent;
  }

  /** Prepares for the response to another request. @param isHead the request's method is HEAD: its response has no body */
  begin(isHead: boolean): void {
    this.#llhttp.reset();
    this.#isHeadRequest = isHead;
    this.#startHead();
    this.#overheadBytes = 0;
    this.#hasHead = false;
    this.#isTooLarge = false;
    this.#hasEnded = false;
  }

  /** @returns what is wrong with these bytes, after `events` was told what comes before it */
  receive(chunk: Buffer, events: ResponseEvents): ParseError | undefined {
    this.#chunk = chunk;
    this.#chunkLength = chunk.length;
    this.#overheadBytes += chunk.length;
    let code: number;
    try {
      code = this.#llhttp.execute(chunk);
    } finally {
      this.#chunk = NOTHING;
    }
    const error = this.#errorOf(code);
    this.#tell(chunk, events);
    return error;
  }

  /** The service has closed its side. @returns what is missing; otherwise the end of the response was told */
  finish(events: ResponseEvents): ParseError | undefined {
    const error = this.#errorOf(this.#llhttp.finish());
    this.#tell(NOTHING, events);
    // To llhttp, the end before a message, or between an interim response and the final one, is a good end.
    return error ?? (this.#hasEnded ? undefined : NO_RESPONSE);
  }

  free(): void {
    this.#llhttp.free();
  }

  #errorOf(code: number): ParseError | undefined {
    const isBehindBody = this.#hasHead && this.#fields.length > 0;
    if (this.#isTooLarge) return { code: HEAD_OVERFLOW, reason: 'too large', isBehindBody };
    if (code !== PARSED_ALL && code !== PAUSED && code !== PAUSED_BY_UPGRADE) {
      return { code: this.#llhttp.errorName(code), reason: this.#llhttp.errorReason, isBehindBody };
    }
    if (this.#overheadBytes <= MOST_OVERHEAD_BYTES + this.#maxHeadBytes) return undefined;
    return {
      code: OVERHEAD_OVERFLOW,
      reason: 'too many bytes that belong to no part of a response',
      isBehindBody,
    };
  }

  #tell(chunk: Buffer, events: ResponseEvents): void {
    const { interims, head, parts, hasEnded } = this.#found;
    this.#found.interims = undefined;
    this.#found.head = undefined;
    this.#found.hasEnded = false;
    if (interims !== undefined) for (const interim of interims) events.onInterim(interim);
    if (head !== undefined) {
      if (head.httpStatus === SWITCHING_PROTOCOLS) events.onSwitched(head);
      else events.onHead(head);
    }
    for (let index = 0; index < parts.length; index += 2)
      events.onBody(chunk, parts[index], parts[index + 1]);
    parts.length = 0;
    if (hasEnded && head?.httpStatus !== SWITCHING_PROTOCOLS) events.onEnd(this.#fields);
  }

  reasonPiece(start: number, end: number): boolean {
    this.#reasonPhrase += this.#chunk.toString('latin1', start, end);
    return this.#count(end - start);
  }

  namePiece(start: number, end: number): boolean {
    const piece = this.#chunk.toString('latin1', start, end);
    const fields = this.#fields;
    if (fields.length % 2 === 0) {
      this.#trimLast();
      fields.push(piece);
      return this.#count(end - start + AROUND_A_FIELD_BYTES);
    }
    fields[fields.length - 1] += piece;
    return this.#count(end - start);
  }

  valuePiece(start: number, end: number): boolean {
    const piece = this.#chunk.toString('latin1', start, end);
    const fields = this.#fields;
    if (fields.length % 2 === 1) fields.push(piece);
    else fields[fields.length - 1] += piece;
    return this.#count(end - start);
  }

  headEnds(httpStatus: number): BodyKind {
    this.#trimLast();
    const { httpVersion } = this.#llhttp;
    const head = { httpVersion, httpStatus, reasonPhrase: this.#reasonPhrase, rawFields: this.#fields };
    this.#startHead();
    this.#overheadBytes = 0;
    if (isInterim(httpStatus)) {
      (this.#found.interims ??= []).push(head);
      return NO_BODY;
    }
    this.#hasHead = true;
    this.#found.head = head;
    if (httpStatus === SWITCHING_PROTOCOLS) return SWITCHED;
    return this.#isHeadRequest ? NO_BODY : BODY_FOLLOWS;
  }

  bodyPiece(start: number, end: number): void {
    this.#overheadBytes = 0;
    this.#found.parts.push(start, end);
  }

  messageEnds(): boolean {
    if (!this.#hasHead) return false;
    this.#trimLast();
    this.#hasEnded = true;
    this.#found.hasEnded = true;
    return true;
  }

  #startHead(): void {
    this.#reasonPhrase = '';
    this.#fields = [];
    this.#headBytes = 0;
  }

  /** @returns whether there is room for these bytes of a head or of trailers */
  #count(bytes: number): boolean {
    this.#headBytes += bytes;
    this.#isTooLarge = this.#headBytes > this.#maxHeadBytes;
    return !this.#isTooLarge;
  }

  /** Removes the white space at the end of the last value, which is not part of it (RFC 9110 section 5.5). */
  #trimLast(): void {
    const fields = this.#fields;
    const last = fields.length - 1;
    if (last < 1) return;
    const value = fields[last];
    let { length } = value;
    while (length > 0 && isWhiteSpace(value.charCodeAt(length - 1))) length--;
    if (length < value.length) fields[last] = value.slice(0, length);
  }
}

function isInterim(httpStatus: number): boolean {
  return httpStatus >= 100 && httpStatus < 200 && httpStatus !== SWITCHING_PROTOCOLS;
}

function isWhiteSpace(code: number): boolean {
  return code === SPACE || code === TAB;
}

const NO_RESPONSE: ParseError = { code: 'HPE_INVALID_EOF_STATE', reason: 'no response', isBehindBody: false };
const NOTHING: Buffer = Buffer.alloc(0);
const SWITCHING_PROTOCOLS = 101;
const SPACE = 0x20;
const TAB = 0x09;
