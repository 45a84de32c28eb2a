// Reads the server name and the protocols that a TLS client sends before encryption starts (RFC 8446 section 4.1.2, RFC 6066
// section 3, RFC 7301 section 3.1). For logs only. The parser is pure, accepts any input, and does a bounded amount of work.

export interface ClientHello {
  /** The SNI host name in printable ASCII, with other bytes escaped. '' if the client sent none. */
  readonly serverName: string;
  /** The ALPN protocols in the client's order, escaped likewise: at most eight, each cut to 32 characters. */
  readonly alpn: readonly string[];
}

export type ClientHelloResult = ClientHello | 'need-more' | 'malformed';

/** The maximum input in bytes, record headers included. The parser never returns 'need-more' for that many. */
export const CLIENT_HELLO_MAX = 16_384;

const MOST_ALPN_NAMES = 8;
const MOST_ALPN_CHARACTERS = 32;
const MOST_SERVER_NAME_CHARACTERS = 255;

const RECORD_HEADER_BYTES = 5;
const HANDSHAKE_RECORD = 0x16;
const TLS_MAJOR_VERSION = 3;
const MOST_RECORD_BYTES = 16_384;

const MESSAGE_HEADER_BYTES = 4;
const CLIENT_HELLO_MESSAGE = 1;
const VERSION_AND_RANDOM_BYTES = 2 + 32;

const SERVER_NAME_EXTENSION = 0;
const ALPN_EXTENSION = 16;
const HOST_NAME = 0;

/** @param bytes everything received so far, from the first byte of the connection */
export function parseClientHello(bytes: Buffer): ClientHelloResult {
  const message = joinRecords(bytes.subarray(0, CLIENT_HELLO_MAX));
  if (message === 'need-more') return bytes.length < CLIENT_HELLO_MAX ? 'need-more' : 'malformed';
  if (message === 'malformed') return 'malformed';
  const hello = readClientHello(new Fields(message));
  return hello ?? 'malformed';
}

/** @returns text for a log line: 'SNI grpc.example.com, ALPN h2, http/1.1' */
export function describeClientHello({ serverName, alpn }: ClientHello): string {
  const name = serverName === '' ? 'no SNI' : `SNI ${serverName}`;
  return `${name}, ${alpn.length === 0 ? 'no ALPN' : `ALPN ${alpn.join(', ')}`}`;
}

/** @returns the body of the ClientHello message, which may be split over several records at any byte */
function joinRecords(bytes: Buffer): Buffer | 'need-more' | 'malformed' {
  const fragments: Buffer[] = [];
  /** The type and the length of the message, which may be split over several records too. */
  const header = Buffer.alloc(MESSAGE_HEADER_BYTES);
  let collected = 0;
  let offset = 0;
  while (offset < bytes.length) {
    if (bytes[offset] !== HANDSHAKE_RECORD) return 'malformed';
    if (offset + 1 < bytes.length && bytes[offset + 1] !== TLS_MAJOR_VERSION) return 'malformed';
    if (bytes.length - offset < RECORD_HEADER_BYTES) return 'need-more';
    const length = bytes.readUInt16BE(offset + 3);
    // A handshake message must not have empty fragments (RFC 8446 section 5.1).
    if (length === 0 || length > MOST_RECORD_BYTES) return 'malformed';
    offset += RECORD_HEADER_BYTES;
    const fragment = bytes.subarray(offset, offset + length);
    fragments.push(fragment);
    if (collected < MESSAGE_HEADER_BYTES) fragment.copy(header, collected);
    collected += fragment.length;
    offset += length;
    if (collected < MESSAGE_HEADER_BYTES) continue;
    if (header[0] !== CLIENT_HELLO_MESSAGE) return 'malformed';
    const end = MESSAGE_HEADER_BYTES + header.readUIntBE(1, 3);
    if (end > CLIENT_HELLO_MAX) return 'malformed';
    if (collected >= end) return Buffer.concat(fragments).subarray(MESSAGE_HEADER_BYTES, end);
  }
  return 'need-more';
}

/** @returns undefined if the length of a field exceeds what encloses it */
function readClientHello(fields: Fields): ClientHello | undefined {
  fields.take(VERSION_AND_RANDOM_BYTES);
  // legacy_session_id, cipher_suites, legacy_compression_methods.
  fields.takeVector(1);
  fields.takeVector(2);
  fields.takeVector(1);
  let serverName = '';
  let alpn: readonly string[] = [];
  // TLS 1.2 allows a ClientHello without extensions.
  const extensions = fields.isAtEnd ? fields : fields.takeFields(2);
  while (!extensions.isAtEnd) {
    const type = extensions.takeNumber(2);
    const extension = extensions.takeFields(2);
    if (type === SERVER_NAME_EXTENSION) serverName = readServerName(extension.takeFields(2));
    else if (type === ALPN_EXTENSION) alpn = readAlpn(extension.takeFields(2));
    if (extension.isBroken) return undefined;
  }
  return fields.isBroken || extensions.isBroken ? undefined : { serverName, alpn };
}

function readServerName(names: Fields): string {
  while (!names.isAtEnd) {
    const type = names.takeNumber(1);
    const name = names.takeVector(2);
    if (type === HOST_NAME) return printable(name, MOST_SERVER_NAME_CHARACTERS);
  }
  return '';
}

function readAlpn(protocols: Fields): readonly string[] {
  const names: string[] = [];
  while (!protocols.isAtEnd && names.length < MOST_ALPN_NAMES) {
    const name = protocols.takeVector(1);
    if (!protocols.isBroken) names.push(printable(name, MOST_ALPN_CHARACTERS));
  }
  return names;
}

/** @returns a server name from another source in the form of `ClientHello.serverName` */
export function printableServerName(serverName: string): string {
  return printable(Buffer.from(serverName), MOST_SERVER_NAME_CHARACTERS);
}

/** Escapes what is not printable, and commas because they separate names, and cuts the text to `mostCharacters`. */
function printable(bytes: Buffer, mostCharacters: number): string {
  const text = bytes
    .toString('latin1', 0, mostCharacters)
    .replace(/[^!-~]|[\\,"]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return text.length <= mostCharacters ? text : text.slice(0, mostCharacters);
}

/**
 * A cursor over bytes. Once a field does not fit, the cursor and its parents are broken: each is at its end, and everything it
 * returns is empty.
 */
class Fields {
  readonly #bytes: Buffer;
  readonly #parent: Fields | undefined;
  #offset = 0;
  #isBroken = false;

  constructor(bytes: Buffer, parent?: Fields) {
    this.#bytes = bytes;
    this.#parent = parent;
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  get isAtEnd(): boolean {
    return this.#isBroken || this.#offset >= this.#bytes.length;
  }

  take(length: number): Buffer {
    if (this.#isBroken || length > this.#bytes.length - this.#offset) {
      this.#break();
      return Buffer.alloc(0);
    }
    this.#offset += length;
    return this.#bytes.subarray(this.#offset - length, this.#offset);
  }

  takeNumber(sizeBytes: 1 | 2): number {
    const taken = this.take(sizeBytes);
    return taken.length === 0 ? 0 : taken.readUIntBE(0, sizeBytes);
  }

  /** Takes a length and returns the bytes that follow it. */
  takeVector(lengthBytes: 1 | 2): Buffer {
    return this.take(this.takeNumber(lengthBytes));
  }

  takeFields(lengthBytes: 1 | 2): Fields {
    return new Fields(this.takeVector(lengthBytes), this);
  }

  #break(): void {
    this.#isBroken = true;
    if (this.#parent !== undefined) this.#parent.#break();
  }
}
