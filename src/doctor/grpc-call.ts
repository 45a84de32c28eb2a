// One gRPC call of a probe, by Node's HTTP/2 client. The answer is bounded in size and time, and nothing in it is trusted.

import {
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { Address } from '../config/address.ts';
import { errorCode } from '../config/error-code.ts';
import { grpcStatusName } from '../grpc/status.ts';
import { errorCodeName } from '../h2/error-codes.ts';
import { type DialFailure, dial, type TlsFacts, type TlsWish } from './dial.ts';
import { quoted, shownText } from './finding.ts';
import { NO_SECRET_FIELDS, PEER_NOT_VERIFIED, type SecretFields } from './secret-fields.ts';

export interface CallWay {
  readonly address: Address;
  readonly tls: TlsWish | undefined;
  readonly authority: string;
  /** Header fields that each call has. No answer shows their values. A peer that has not shown who it is gets no call. */
  readonly credentials?: SecretFields | undefined;
  /** The address to connect from. Undefined means that the system chooses it. */
  readonly from?: string | undefined;
}

export interface CallRequest {
  readonly path: string;
  readonly headers?: ReadonlyMap<string, string> | undefined;
  /** The framed message. Undefined means that the stream stays open without one. */
  readonly message: Buffer | undefined;
  readonly limitMs: number;
}

export interface CallAnswer {
  /** The code of the reason why there was no connection. */
  readonly failure: string | undefined;
  readonly reason: string | undefined;
  readonly tls: TlsFacts | undefined;
  /** 0 if there was no response. */
  readonly httpStatus: number;
  readonly contentType: string;
  readonly server: string;
  /** The name of the status, '' if there was none. */
  readonly grpcStatus: string;
  readonly grpcMessage: string;
  /** The names of the fields, in order of the alphabet. */
  readonly headerNames: readonly string[];
  readonly trailerNames: readonly string[];
  readonly body: Buffer;
  /** The error code of RST_STREAM, or how the connection ended. '' if the stream ended by itself. */
  readonly broken: string;
  readonly isLate: boolean;
  /** From the request to the end of the response, without connecting. */
  readonly durationMs: number;
}

export const EMPTY_MESSAGE: Buffer = Buffer.alloc(5);
/** Of a status. What is printed of it is much shorter; but the code of a page is at the end of a sentence. */
export const MOST_MESSAGE_CHARACTERS = 4096;
const MOST_BODY_BYTES = 262_144;
const MOST_HEADER_BYTES = 65_536;

type MutableAnswer = { -readonly [Key in keyof CallAnswer]: CallAnswer[Key] };

/** Never rejects. */
export async function callGrpc(way: CallWay, request: CallRequest): Promise<CallAnswer> {
  const answer = emptyAnswer();
  const endsAtMs = performance.now() + request.limitMs;
  const opened = await openSession(way, request.limitMs);
  if ('failure' in opened) return { ...answer, ...opened };
  const { session, tls, fields } = opened;
  answer.tls = tls;
  const beganAtMs = performance.now();
  const { promise, resolve } = Promise.withResolvers<void>();
  session.on('error', (error) => {
    answer.broken ||= quoted(errorCode(error) ?? error.message, 120);
    resolve();
  });
  session.on('close', resolve);
  session.on('goaway', (code: number) => {
    if (code !== 0) answer.broken ||= `GOAWAY ${errorCodeName(code)}`;
  });
  const timer = setTimeout(
    () => {
      answer.isLate = true;
      resolve();
    },
    Math.max(50, endsAtMs - performance.now()),
  );
  try {
    const stream = session.request(headersOf(way, request, fields), { endStream: false });
    listen(stream, answer, way, resolve);
    if (request.message !== undefined) stream.end(request.message);
    await promise;
  } catch (error) {
    answer.broken ||= quoted(error instanceof Error ? error.message : String(error), 120);
  }
  clearTimeout(timer);
  answer.durationMs = performance.now() - beganAtMs;
  session.destroy();
  return answer;
}

/** An answer of which nothing has come yet. */
export function emptyAnswer(): MutableAnswer {
  return {
    failure: undefined,
    reason: undefined,
    tls: undefined,
    httpStatus: 0,
    contentType: '',
    server: '',
    grpcStatus: '',
    grpcMessage: '',
    headerNames: [],
    trailerNames: [],
    body: Buffer.alloc(0),
    broken: '',
    isLate: false,
    durationMs: 0,
  };
}

type Session = ReturnType<typeof connectHttp2>;

export interface OpenedSession {
  /** It has no listener for errors yet. */
  readonly session: Session;
  readonly tls: TlsFacts | undefined;
  /** The credentials that this peer may have. */
  readonly fields: ReadonlyMap<string, string>;
}

/** Never rejects. */
export async function openSession(
  { address, tls, authority, credentials = NO_SECRET_FIELDS, from }: CallWay,
  limitMs: number,
): Promise<OpenedSession | DialFailure> {
  const dialled = await dial(address, tls, limitMs, from);
  if ('failure' in dialled) return dialled;
  const { socket, tls: facts } = dialled;
  if (facts !== undefined && facts.alpn !== 'h2') {
    socket.destroy();
    return { failure: 'no_h2_alpn', reason: undefined };
  }
  const fields = credentials.for(facts);
  if (typeof fields === 'string') {
    socket.destroy();
    return { failure: PEER_NOT_VERIFIED, reason: fields };
  }
  const session = connectHttp2(`${tls === undefined ? 'http' : 'https'}://${authority}`, {
    createConnection: () => socket,
    settings: { enablePush: false, maxHeaderListSize: MOST_HEADER_BYTES },
    maxSessionMemory: 2,
  });
  return { session, tls: facts, fields };
}

/** @param fields those of the session */
export function headersOf(
  { authority }: CallWay,
  { path, headers }: Pick<CallRequest, 'path' | 'headers'>,
  fields: OpenedSession['fields'],
): OutgoingHttpHeaders {
  return {
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: path,
    [constants.HTTP2_HEADER_AUTHORITY]: authority,
    te: 'trailers',
    'content-type': 'application/grpc',
    'user-agent': 'framegate-doctor',
    ...Object.fromEntries(headers ?? []),
    ...Object.fromEntries(fields),
  };
}

function listen(stream: ClientHttp2Stream, answer: MutableAnswer, way: CallWay, done: () => void): void {
  stream.on('response', (headers) => {
    readHead(headers, answer, way);
    answer.headerNames = namesOf(headers, way);
  });
  stream.on('trailers', (trailers) => {
    answer.trailerNames = namesOf(trailers, way);
    readStatus(trailers, answer, way);
  });
  const chunks: Buffer[] = [];
  let length = 0;
  stream.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= MOST_BODY_BYTES) chunks.push(chunk);
    else stream.close(constants.NGHTTP2_CANCEL);
  });
  stream.on('error', () => undefined);
  stream.on('close', () => {
    answer.body = Buffer.concat(chunks);
    const { rstCode } = stream;
    if (rstCode !== constants.NGHTTP2_NO_ERROR && answer.grpcStatus === '')
      answer.broken ||= `RST_STREAM ${errorCodeName(rstCode)}`;
    done();
  });
}

type MutableResponse = { -readonly [Key in keyof CallResponse]: CallResponse[Key] };

/** What a way was called with, which answers do not show. */
type Sent = Pick<CallWay, 'credentials'>;

export function readHead(
  headers: IncomingHttpHeaders & { readonly ':status'?: number | undefined },
  answer: MutableResponse,
  sent: Sent,
): void {
  answer.httpStatus = headers[':status'] ?? 0;
  answer.contentType = textOf(headers['content-type'], sent);
  answer.server = textOf(headers.server, sent);
  readStatus(headers, answer, sent);
}

export function readStatus(headers: IncomingHttpHeaders, answer: MutableResponse, sent: Sent): void {
  const status = textOf(headers['grpc-status'], sent);
  if (status === '') return;
  answer.grpcStatus = grpcStatusName(status);
  const { credentials = NO_SECRET_FIELDS } = sent;
  const message = decodeMessage(credentials.hide(String(headers['grpc-message'] ?? '')));
  answer.grpcMessage = quoted(credentials.hide(message), MOST_MESSAGE_CHARACTERS);
}

/** Undoes the percent-encoding of grpc-message. What is not valid stays as it is. */
function decodeMessage(text: string): string {
  return text.replaceAll(/(?:%[\da-f]{2})+/gi, (encoded) => {
    try {
      return decodeURIComponent(encoded);
    } catch {
      return encoded;
    }
  });
}

function namesOf(headers: IncomingHttpHeaders, { credentials = NO_SECRET_FIELDS }: Sent): readonly string[] {
  return Object.keys(headers)
    .map((name) => quoted(credentials.hide(name), 60))
    .slice(0, 100)
    .toSorted();
}

function textOf(
  value: string | readonly string[] | undefined,
  { credentials = NO_SECRET_FIELDS }: Sent,
): string {
  return value === undefined ? '' : quoted(credentials.hide(String(value)), 120);
}

/** @returns 'UNIMPLEMENTED “…”', 'HTTP 404, an HTML page, without grpc-status', or what happened in place of an answer */
export function describeAnswer(answer: CallAnswer): string {
  const { failure, reason, grpcStatus, httpStatus, broken, isLate } = answer;
  if (failure === PEER_NOT_VERIFIED) return `no call: ${reason}`;
  if (failure !== undefined) return `no connection (${failure})`;
  if (grpcStatus !== '') return describeResponse(answer);
  if (httpStatus !== 0)
    return `${describeResponse(answer)}, without grpc-status${broken === '' ? '' : `, ${broken}`}`;
  if (broken !== '') return `no answer: ${broken}`;
  return isLate ? 'no answer in time' : 'no answer';
}

/** The fields of a response that say who made it, and what came of the call. */
export type CallResponse = Pick<
  CallAnswer,
  'httpStatus' | 'contentType' | 'server' | 'grpcStatus' | 'grpcMessage'
>;

export function describeResponse({ grpcStatus, grpcMessage, httpStatus, contentType }: CallResponse): string {
  if (grpcStatus === '') return `HTTP ${httpStatus}, ${describeType(contentType)}`;
  return grpcMessage === '' ? grpcStatus : `${grpcStatus} ${shownText(grpcMessage, 200)}`;
}

function describeType(contentType: string): string {
  if (contentType === '') return 'no content type';
  return /^(?:text\/html|application\/xhtml)/i.test(contentType) ? 'an HTML page' : contentType;
}
