// Begins HTTP/2 with a peer and looks at its first bytes: the protocol it speaks, its SETTINGS, and the time of a PING. Whatever the peer
// sends, only a bounded part of it is read, for a bounded time.

import type { Address } from '../config/address.ts';
import { errorCode } from '../config/error-code.ts';
import { classifyUpstreamFirstBytes, type UpstreamFirstBytes } from '../diagnosis/upstream-first-bytes.ts';
import { errorCodeName } from '../h2/error-codes.ts';
import { type DialFailure, dial, type TlsFacts, type TlsWish } from './dial.ts';
import { CUT, quoted } from './finding.ts';

export interface Greeting {
  readonly kind: UpstreamFirstBytes;
  readonly tls: TlsFacts | undefined;
  readonly connectMs: number;
  /** By their number (RFC 9113 section 6.5.2). */
  readonly settings: ReadonlyMap<number, number>;
  /** Undefined if the PING was not answered. */
  readonly pingMs: number | undefined;
  /** How the peer gave the connection up at once. */
  readonly goAway: string | undefined;
  /** Whether the peer closed the connection. */
  readonly isClosed: boolean;
  /** The beginning of what it sent if that is not HTTP/2, harmless to print. */
  readonly firstLine: string;
  /** The Server field of an HTTP/1.1 answer, '' if there is none. */
  readonly server: string;
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const SETTINGS_FRAME = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const PING_FRAME = Buffer.concat([
  Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0]),
  Buffer.from('doctor\0\0', 'latin1'),
]);
const FRAME_HEADER_BYTES = 9;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const ACK = 1;
const MOST_BYTES = 65_536;
/** Of an answer that is not HTTP/2. */
const MOST_TEXT_BYTES = 2048;
const MOST_SETTINGS = 32;

/** Never rejects. @param from the address to connect from. Undefined means that the system chooses it */
export async function greet(
  address: Address,
  tls: TlsWish | undefined,
  limitMs: number,
  from?: string,
): Promise<Greeting | DialFailure> {
  const endsAtMs = performance.now() + limitMs;
  const dialled = await dial(address, tls, limitMs, from);
  if ('failure' in dialled) return dialled;
  const { socket } = dialled;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), Math.max(50, endsAtMs - performance.now()));
  const reader = new GreetingReader();
  socket.on('data', (chunk: Buffer) => {
    reader.read(chunk);
    if (reader.isDone) resolve(false);
  });
  // With TLS 1.3 a server that wants a certificate says so only after the handshake.
  let lateError: (Error & { readonly reason?: string }) | undefined;
  socket.on('error', (error: Error) => {
    lateError = error;
    resolve(true);
  });
  socket.once('end', () => resolve(true));
  socket.once('close', () => resolve(true));
  socket.write(Buffer.concat([PREFACE, SETTINGS_FRAME, PING_FRAME]));
  const isClosed = await promise;
  clearTimeout(timer);
  socket.destroy();
  if (lateError !== undefined && reader.isSilent)
    return { failure: errorCode(lateError) ?? 'ECONNRESET', reason: lateError.reason };
  return { ...reader.result, tls: dialled.tls, connectMs: dialled.connectMs, isClosed };
}

export class GreetingReader {
  readonly #beganAtMs = performance.now();
  readonly #settings = new Map<number, number>();
  #bytes: Buffer = Buffer.alloc(0);
  /** Where the next frame begins. */
  #at = 0;
  #kind: UpstreamFirstBytes = 'need-more';
  #hasSettings = false;
  #pingMs: number | undefined = undefined;
  #goAway: string | undefined = undefined;

  read(chunk: Buffer): void {
    if (this.#bytes.length >= MOST_BYTES) return;
    this.#bytes = Buffer.concat([this.#bytes, chunk]).subarray(0, MOST_BYTES);
    this.#kind = classifyUpstreamFirstBytes(this.#bytes);
    if (this.#kind === 'http2-settings') this.#readFrames();
  }

  get isSilent(): boolean {
    return this.#bytes.length === 0;
  }

  get isDone(): boolean {
    if (this.#goAway !== undefined || this.#bytes.length >= MOST_BYTES) return true;
    switch (this.#kind) {
      case 'need-more':
        return false;
      case 'http2-settings':
        return this.#hasSettings && this.#pingMs !== undefined;
      case 'http1':
        return this.#bytes.includes('\r\n\r\n');
      default:
        return true;
    }
  }

  get result(): Omit<Greeting, 'tls' | 'connectMs' | 'isClosed'> {
    const text = this.#kind === 'http2-settings' ? '' : this.#text;
    return {
      kind: this.#kind,
      settings: this.#settings,
      pingMs: this.#pingMs,
      goAway: this.#goAway,
      firstLine: quoted(text.split(/\r?\n/, 1)[0], 80),
      server: quoted(/^server:[ \t]*([^\r\n]*)/im.exec(text)?.[1] ?? '', 80),
    };
  }

  /** The beginning. Where it is cut, the mark says so: before it any beginning of a secret is hidden. */
  get #text(): string {
    const isCut = this.#bytes.length > MOST_TEXT_BYTES;
    return `${this.#bytes.toString('latin1', 0, MOST_TEXT_BYTES)}${isCut ? CUT : ''}`;
  }

  #readFrames(): void {
    while (this.#bytes.length - this.#at >= FRAME_HEADER_BYTES) {
      const length = this.#bytes.readUIntBE(this.#at, 3);
      const start = this.#at + FRAME_HEADER_BYTES;
      if (this.#bytes.length < start + length) return;
      const payload = this.#bytes.subarray(start, start + length);
      this.#readFrame(this.#bytes[this.#at + 3], this.#bytes[this.#at + 4], payload);
      this.#at = start + length;
    }
  }

  #readFrame(type: number, flags: number, payload: Buffer): void {
    if (type === SETTINGS && (flags & ACK) === 0) {
      this.#hasSettings = true;
      for (let at = 0; at + 6 <= payload.length && this.#settings.size < MOST_SETTINGS; at += 6)
        this.#settings.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    } else if (type === PING && (flags & ACK) === ACK) {
      this.#pingMs ??= performance.now() - this.#beganAtMs;
    } else if (type === GOAWAY && payload.length >= 8) {
      const debug = quoted(payload.toString('latin1', 8), 80);
      this.#goAway = `GOAWAY ${errorCodeName(payload.readUInt32BE(4))}${debug === '' ? '' : `: ${debug}`}`;
    }
  }
}

const SETTING_NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'HEADER_TABLE_SIZE'],
  [2, 'ENABLE_PUSH'],
  [3, 'MAX_CONCURRENT_STREAMS'],
  [4, 'INITIAL_WINDOW_SIZE'],
  [5, 'MAX_FRAME_SIZE'],
  [6, 'MAX_HEADER_LIST_SIZE'],
  [8, 'ENABLE_CONNECT_PROTOCOL'],
  [9, 'NO_RFC7540_PRIORITIES'],
  // Of gRPC itself, which no registry has.
  [65_027, 'GRPC_ALLOW_TRUE_BINARY_METADATA'],
]);

/** @returns 'MAX_CONCURRENT_STREAMS 128, …', or 'all at their defaults' */
export function describeSettings(settings: ReadonlyMap<number, number>): string {
  const texts = Array.from(
    settings,
    ([id, value]) => `${SETTING_NAMES.get(id) ?? `unknown setting ${id}:`} ${value}`,
  );
  return texts.length === 0 ? 'all at their defaults' : texts.join(', ');
}
