// One stream of gRPC server reflection, by Node's HTTP/2 client: questions go out one after the other, and each gets one answer. Any program
// may answer, so answers are bounded in size and time.

import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import type { Address } from '../config/address.ts';
import { errorCode } from '../config/error-code.ts';
import { systemErrorWords } from '../config/system-error.ts';
import { visibleText } from '../config/visible-text.ts';
import { grpcStatusName } from '../grpc/status.ts';
import { contentOf } from './message-content.ts';

export interface ReflectionTarget {
  readonly address: Address;
  readonly isTls: boolean;
}

/** v1alpha is what services had before 2023, and some have only that. */
const PATHS = [
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
] as const;
const PREFIX_BYTES = 5;
const MOST_ANSWER_BYTES = 8 * 1024 * 1024;
/** Descriptors become some ten times shorter by gzip. A small answer may become 1 MiB whatever its ratio is. */
const MOST_RATIO = 100;
const ANY_RATIO_BYTES = 1024 * 1024;
const MOST_MESSAGE_CHARACTERS = 200;
const UNIMPLEMENTED = 12;

/** Why a question has no answer. The message is a sentence. */
export class NoReflection extends Error {
  readonly isUnimplemented: boolean;

  constructor(message: string, isUnimplemented = false) {
    super(message);
    this.isUnimplemented = isUnimplemented;
  }
}

/** Sends a question. Resolves to the answer, or rejects with NoReflection. Only one question may be open at a time. */
export type Ask = (question: Buffer) => Promise<Buffer>;

/**
 * Opens a connection, and lets `use` ask questions until it resolves or the time is over.
 * @returns what `use` returns. Rejects with NoReflection, or with what `use` throws
 */
export async function withReflection<Result>(
  target: ReflectionTarget,
  limitMs: number,
  use: (ask: Ask) => Promise<Result>,
): Promise<Result> {
  const session = sessionTo(target);
  // Whoever waits has something else that keeps the process alive.
  session.unref();
  const late = setTimeout(
    () => session.destroy(new Error(`it did not answer within ${limitMs / 1000} s`)),
    limitMs,
  ).unref();
  try {
    for (const path of PATHS) {
      const stream = new ReflectionStream(session, path);
      try {
        return await use((question) => stream.ask(question));
      } catch (error) {
        const isLast = path === PATHS.at(-1);
        if (isLast || !(error instanceof NoReflection) || !error.isUnimplemented) throw error;
      } finally {
        stream.close();
      }
    }
    throw new NoReflection('it has no server reflection', true);
  } catch (error) {
    if (error instanceof NoReflection)
      throw new NoReflection(`${target.address.text} cannot be asked for descriptors: ${error.message}`);
    throw error;
  } finally {
    clearTimeout(late);
    session.destroy();
  }
}

function sessionTo({ address, isTls }: ReflectionTarget): ClientHttp2Session {
  const scheme = isTls ? 'https' : 'http';
  const settings = { enablePush: false, initialWindowSize: MOST_ANSWER_BYTES };
  if (address.kind === 'tcp') {
    const host = address.host.includes(':') ? `[${address.host}]` : address.host;
    return connect(`${scheme}://${host}:${address.port}`, { settings });
  }
  return connect('http://localhost', { settings, createConnection: () => connectSocket(address.path) });
}

class ReflectionStream {
  readonly #stream: ClientHttp2Stream;
  #received: Buffer[] = [];
  #receivedBytes = 0;
  /** Pieces are joined when there are so many bytes, and not with each piece. */
  #neededBytes = PREFIX_BYTES;
  #encoding = '';
  #open: PromiseWithResolvers<Buffer> | undefined = undefined;
  #end: NoReflection | undefined = undefined;

  constructor(session: ClientHttp2Session, path: string) {
    session.on('error', (error: unknown) => this.#fail(wordsOf(error)));
    session.on('close', () => this.#fail('it has closed the connection'));
    this.#stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    this.#stream.on('response', (head) => {
      this.#encoding = String(head['grpc-encoding'] ?? '');
      this.#judge(head[':status'], head['grpc-status'], head['grpc-message']);
    });
    this.#stream.on('trailers', (fields) => this.#judge(200, fields['grpc-status'], fields['grpc-message']));
    this.#stream.on('data', (piece: Buffer) => this.#take(piece));
    this.#stream.on('error', (error: unknown) => this.#fail(wordsOf(error)));
    // The stream stays half-open after this, since questions may follow.
    this.#stream.on('end', () => this.#fail('it has ended the stream'));
    this.#stream.on('close', () => this.#fail('it has ended the stream'));
  }

  ask(question: Buffer): Promise<Buffer> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    this.#open = Promise.withResolvers<Buffer>();
    const prefix = Buffer.alloc(PREFIX_BYTES);
    prefix.writeUInt32BE(question.length, 1);
    this.#stream.write(Buffer.concat([prefix, question]));
    return this.#open.promise;
  }

  close(): void {
    this.#stream.destroy();
  }

  #judge(httpStatus: unknown, status: unknown, message: unknown): void {
    if (httpStatus !== 200) this.#fail(`it answers with HTTP ${String(httpStatus)}`, httpStatus === 404);
    if (status === undefined) return;
    const code = Number(status);
    const said = typeof message === 'string' ? `: ${message.slice(0, MOST_MESSAGE_CHARACTERS)}` : '';
    const name = visibleText(`${grpcStatusName(code)}${said}`);
    this.#fail(
      code === UNIMPLEMENTED ? `it has no server reflection (${name})` : `it answers with ${name}`,
      code === UNIMPLEMENTED,
    );
  }

  #take(piece: Buffer): void {
    this.#received.push(piece);
    this.#receivedBytes += piece.length;
    if (this.#receivedBytes < this.#neededBytes) return;
    const bytes = Buffer.concat(this.#received);
    const length = bytes.readUInt32BE(1);
    this.#received = [bytes];
    if (length > MOST_ANSWER_BYTES) {
      this.#fail(`its answer is longer than ${MOST_ANSWER_BYTES} bytes`);
      return;
    }
    this.#neededBytes = PREFIX_BYTES + length;
    if (bytes.length < this.#neededBytes) return;
    const rest = bytes.subarray(PREFIX_BYTES + length);
    this.#received = [rest];
    this.#receivedBytes = rest.length;
    this.#neededBytes = PREFIX_BYTES;
    this.#answer(bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + length), bytes[0] !== 0);
  }

  /** Some services compress everything, whatever the client accepts. */
  #answer(bytes: Buffer, isCompressed: boolean): void {
    const compressed = { bytes, isCompressed, encoding: this.#encoding, isTruncated: false };
    const mostBytes = Math.min(MOST_ANSWER_BYTES, Math.max(ANY_RATIO_BYTES, bytes.length * MOST_RATIO));
    const content = contentOf(compressed, mostBytes);
    if (typeof content === 'string') this.#fail(`of its answer: ${content}`);
    else if (this.#open === undefined) this.#fail('it answers without a question');
    else this.#open.resolve(content);
    this.#open = undefined;
  }

  /** Only the first reason counts. */
  #fail(why: string, isUnimplemented = false): void {
    this.#end ??= new NoReflection(why, isUnimplemented);
    this.#open?.reject(this.#end);
    this.#open = undefined;
    this.#stream.destroy();
  }
}

function wordsOf(error: unknown): string {
  const code = errorCode(error);
  if (code === 'ERR_HTTP2_ERROR' || code === 'ERR_SSL_WRONG_VERSION_NUMBER')
    return 'it does not speak HTTP/2 in this way: is TLS needed (https://HOST:PORT), or not?';
  const words = code === undefined ? undefined : systemErrorWords(code);
  return visibleText(words ?? (error instanceof Error ? error.message : String(error))).slice(0, 300);
}
