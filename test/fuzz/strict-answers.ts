// Reads what came from the proxy as strictly as the strictest client does: HTTP/1.1 by RFC 9112, HTTP/2 by RFC 9113
// section 8. What it cannot read is an answer that the client cannot parse.

import { Flag, FrameType } from '../../src/h2/frame-type.ts';
import type { ReceivedFrame } from '../support/raw-peer.ts';

export interface Answer {
  readonly status: number;
  /** Head, content and trailers: where tokens may be. */
  readonly text: string;
  readonly content: string;
  readonly isWhole: boolean;
  /** Nothing but the end of the connection tells where its content ends. */
  readonly isEndedByClose: boolean;
}

export interface Answers {
  readonly answers: readonly Answer[];
  /** What breaks a rule; undefined when all can be read. */
  readonly problem: string | undefined;
  /** Behind a 101: what came through the tunnel. */
  readonly tunnel: string | undefined;
}

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// biome-ignore lint: control characters are what this is about
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const FORBIDDEN_TRAILERS = new Set(['transfer-encoding', 'content-length', 'host', 'trailer', 'connection']);

/** A rule that was broken; never thrown out of this file. */
class Broken extends Error {}

export interface Asked {
  /** Of the requests, in their order. */
  readonly methods: readonly string[];
  /** By what names the request within an answer's head, or by what is behind that; where it knows none, the order counts. */
  readonly methodOf?: (head: string, behind: string) => string | undefined;
  readonly mostAnswers: number;
}

/** @param isClosed by FIN: a body without a length ends there */
export function readHttp1Answers(text: string, asked: Asked, isClosed: boolean): Answers {
  const answers: Answer[] = [];
  let at = 0;
  try {
    while (at < text.length) {
      if (answers.length >= asked.mostAnswers) throw new Broken('more answers than requests');
      const read = new Http1Answer(
        text,
        at,
        isClosed,
        (head, behind) => asked.methodOf?.(head, behind) ?? asked.methods[answers.length] ?? 'GET',
      );
      if (read.isUpgrade) {
        answers.push(read.answer());
        return { answers, problem: undefined, tunnel: text.slice(read.end) };
      }
      if (read.hasFinalHead) answers.push(read.answer());
      if (!read.isWhole) break;
      at = read.end;
    }
    return { answers, problem: undefined, tunnel: undefined };
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    const around = JSON.stringify(text.slice(at, at + 300));
    return { answers, problem: `${error.message} in ${around}`, tunnel: undefined };
  }
}

/** One answer with the interim ones before it. */
class Http1Answer {
  status = 0;
  hasFinalHead = false;
  isUpgrade = false;
  isWhole = false;
  isEndedByClose = false;
  end: number;
  readonly #text: string;
  readonly #begin: number;
  readonly #isClosed: boolean;
  #content = '';

  constructor(
    text: string,
    at: number,
    isClosed: boolean,
    methodOf: (head: string, behind: string) => string,
  ) {
    this.#text = text;
    this.#begin = at;
    this.end = at;
    this.#isClosed = isClosed;
    for (;;) {
      const fields = this.#readHead();
      if (fields === undefined) return;
      if (this.status === 101) {
        this.isUpgrade = true;
        this.hasFinalHead = true;
        this.isWhole = true;
        return;
      }
      if (this.status >= 200) {
        this.hasFinalHead = true;
        this.#readContent(fields, methodOf(text.slice(at, this.end), text.slice(this.end, this.end + 9)));
        return;
      }
      if (fields.has('content-length') || fields.has('transfer-encoding'))
        throw new Broken(`a length in an interim answer`);
    }
  }

  answer(): Answer {
    const { status, isWhole, isEndedByClose } = this;
    return {
      status,
      isWhole,
      isEndedByClose,
      content: this.#content,
      text: this.#text.slice(this.#begin, this.end),
    };
  }

  /** @returns undefined while it is not whole */
  #readHead(): Map<string, string> | undefined {
    const end = this.#text.indexOf('\r\n\r\n', this.end);
    const head = this.#text.slice(this.end, end < 0 ? undefined : end);
    // Broken in the first byte is broken, however much is still to come.
    if (!'HTTP/1.1 '.startsWith(head.slice(0, 9))) throw new Broken('no status line');
    if (end < 0) return undefined;
    const [line, ...rest] = head.split('\r\n');
    const status = /^HTTP\/1\.1 ([1-5]\d\d) [\t\x20-\x7e\x80-\xff]*$/.exec(line)?.[1];
    if (status === undefined) throw new Broken(`the status line ${JSON.stringify(line)}`);
    this.status = Number(status);
    this.end = end + 4;
    return readFields(rest);
  }

  #readContent(fields: ReadonlyMap<string, string>, method: string): void {
    const length = fields.get('content-length');
    const coding = fields.get('transfer-encoding');
    if (length !== undefined && coding !== undefined)
      throw new Broken('Content-Length and Transfer-Encoding');
    if (length !== undefined && !/^\d+$/.test(length)) throw new Broken(`Content-Length ${length}`);
    if (coding !== undefined && coding !== 'chunked') throw new Broken(`Transfer-Encoding ${coding}`);
    const { status } = this;
    if (status === 204 && (length !== undefined || coding !== undefined))
      throw new Broken('a length beside status 204');
    if (method === 'HEAD' || status === 204 || status === 304) this.isWhole = true;
    else if (coding !== undefined) this.#readChunks();
    else if (length !== undefined) this.#take(Number(length));
    else {
      this.isEndedByClose = true;
      this.#take(this.#text.length - this.end);
      this.isWhole = this.#isClosed;
    }
  }

  #take(length: number): void {
    const content = this.#text.slice(this.end, this.end + length);
    this.#content += content;
    this.end += content.length;
    this.isWhole = content.length === length;
  }

  #readChunks(): void {
    for (;;) {
      const lineEnd = this.#text.indexOf('\r\n', this.end);
      const line = this.#text.slice(this.end, lineEnd < 0 ? undefined : lineEnd);
      if (!/^[0-9a-fA-F]{0,8}\r?$/.test(line)) throw new Broken(`the chunk size ${JSON.stringify(line)}`);
      if (lineEnd < 0) return;
      if (line === '') throw new Broken('a chunk without a size');
      const size = Number.parseInt(line, 16);
      this.end = lineEnd + 2;
      if (size === 0) {
        this.#readTrailers();
        return;
      }
      this.#take(size);
      if (!this.isWhole) return;
      this.isWhole = false;
      const behind = this.#text.slice(this.end, this.end + 2);
      if (!'\r\n'.startsWith(behind)) throw new Broken('a chunk that is longer than its size');
      if (behind.length < 2) return;
      this.end += 2;
    }
  }

  #readTrailers(): void {
    const lines: string[] = [];
    for (;;) {
      const end = this.#text.indexOf('\r\n', this.end);
      if (end < 0) return;
      const line = this.#text.slice(this.end, end);
      this.end = end + 2;
      if (line === '') break;
      lines.push(line);
    }
    this.isWhole = true;
    for (const name of readFields(lines).keys())
      if (FORBIDDEN_TRAILERS.has(name)) throw new Broken(`the trailer ${name}`);
  }
}

function readFields(lines: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (colon < 1 || !NAME.test(name) || !VALUE.test(value))
      throw new Broken(`the field ${JSON.stringify(line)}`);
    const isSingle = name === 'content-length' || name === 'transfer-encoding';
    if (isSingle && fields.has(name)) throw new Broken(`${name} twice`);
    fields.set(name, value);
  }
  return fields;
}

const OF_CONNECTION = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** Answers on one HTTP/2 connection, by stream. @param methods by stream */
export function readH2Answers(
  frames: readonly ReceivedFrame[],
  methods: ReadonlyMap<number, string>,
): { readonly answers: ReadonlyMap<number, Answer>; readonly problem: string | undefined } {
  const answers = new Map<number, Answer>();
  try {
    for (const [stream, method] of methods) {
      const answer = readStream(
        frames.filter(({ streamId }) => streamId === stream),
        stream,
        method,
      );
      if (answer !== undefined) answers.set(stream, answer);
    }
    const strange = frames.find(({ type, streamId }) => type === FrameType.HEADERS && !methods.has(streamId));
    if (strange !== undefined) throw new Broken(`more answers than requests: stream ${strange.streamId}`);
    return { answers, problem: undefined };
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    return { answers, problem: error.message };
  }
}

function readStream(frames: readonly ReceivedFrame[], stream: number, method: string): Answer | undefined {
  let status = 0;
  let length: string | undefined;
  let text = '';
  let content = '';
  let hasEnded = false;
  for (const { type, flags, fields, payload } of frames) {
    if (type !== FrameType.HEADERS && type !== FrameType.DATA) continue;
    if (hasEnded) throw new Broken(`a frame behind END_STREAM on stream ${stream}`);
    hasEnded = (flags & Flag.END_STREAM) !== 0;
    if (type === FrameType.DATA) {
      if (status < 200) throw new Broken(`DATA before a status on stream ${stream}`);
      content += payload.toString('latin1');
      continue;
    }
    checkFields(fields, stream);
    text += fields.map((pair) => `${pair.join(': ')}\n`).join('');
    const given = fields.find(([name]) => name === ':status')?.[1];
    if (status >= 200) {
      if (given !== undefined || !hasEnded) throw new Broken(`a second head on stream ${stream}`);
      if (fields.some(([name]) => FORBIDDEN_TRAILERS.has(name)))
        throw new Broken(`a forbidden trailer on stream ${stream}`);
      continue;
    }
    if (given === undefined || !/^[1-5]\d\d$/.test(given))
      throw new Broken(`status ${given} on stream ${stream}`);
    status = Number(given);
    if (status === 101) throw new Broken('status 101 over HTTP/2');
    if (status < 200 && hasEnded) throw new Broken('an interim answer that ends the stream');
    length = fields.find(([name]) => name === 'content-length')?.[1];
    if (fields.filter(([name]) => name === 'content-length').length > 1) throw new Broken('two lengths');
  }
  if (status < 200) return undefined;
  const isBodiless = method === 'HEAD' || status === 204 || status === 304;
  if (isBodiless && content !== '') throw new Broken(`DATA for ${method} with status ${status}`);
  if (hasEnded && !isBodiless && length !== undefined && Number(length) !== content.length)
    throw new Broken(`${content.length} bytes where content-length says ${length}`);
  return { status, text: text + content, content, isWhole: hasEnded, isEndedByClose: false };
}

function checkFields(fields: ReceivedFrame['fields'], stream: number): void {
  for (const [name, value] of fields) {
    const bare = name.startsWith(':') ? name.slice(1) : name;
    if (!NAME.test(bare) || bare !== bare.toLowerCase() || !VALUE.test(value) || value.trim() !== value)
      throw new Broken(`the field ${JSON.stringify([name, value])} on stream ${stream}`);
    if (OF_CONNECTION.has(name)) throw new Broken(`${name} over HTTP/2 on stream ${stream}`);
  }
}
