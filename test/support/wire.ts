// A Connection whose events are all recorded. It is fed with hand-made frames or joined to another connection in memory. What it
// sends is read back as lines of frameSummary, which a failing test prints too.

import assert from 'node:assert/strict';
import { Connection, type Role } from '../../src/h2/connection.ts';
import type { ConnectionHandler } from '../../src/h2/connection-handler.ts';
import { ErrorCode, errorCodeName } from '../../src/h2/error-codes.ts';
import { ConnectionError, type StreamError } from '../../src/h2/errors.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { OutputBuffer } from '../../src/h2/output-buffer.ts';
import type { LocalSettings } from '../../src/h2/settings.ts';
import type { Stream, StreamOwner } from '../../src/h2/stream.ts';
import { frameSummaries } from './frame-summary.ts';
import { type Field, preface, REQUEST_FIELDS, settings, settingsAcknowledgement } from './frames.ts';
import { PATIENCE } from './local-settings.ts';

export const TEST_SETTINGS: LocalSettings = {
  maxConcurrentStreams: 100,
  initialWindowBytes: 65_535,
  connectionWindowBytes: 65_535,
  maxHeaderListBytes: 16_384,
  maxHeaderFields: 128,
  ...PATIENCE,
};

/** What a test does inside the callbacks of owners and of the handler. */
export type Reactions = Partial<Omit<StreamOwner, 'onData'>> &
  Partial<ConnectionHandler> & {
    onData?(bytes: Buffer, start: number, end: number, endStream: boolean): void;
  };

/** Records each callback, such as `data 1 "abc" end`, then lets the test react. */
export class RecordingOwner implements StreamOwner {
  readonly #log: string[];
  /** The stream's identifier, set once it is known. */
  id = 0;
  reactions: Reactions;

  constructor(log: string[], reactions: Reactions = {}) {
    this.#log = log;
    this.reactions = reactions;
  }

  onResponse(list: HeaderList, endStream: boolean): void {
    this.#log.push(`response ${this.id} ${fieldsOf(list)}${endStream ? ' end' : ''}`);
    this.reactions.onResponse?.(list, endStream);
  }

  onData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    const text = bytes.toString('latin1', start, end);
    this.#log.push(`data ${this.id} ${shortened(text)}${endStream ? ' end' : ''}`);
    this.reactions.onData?.(bytes, start, end, endStream);
  }

  onTrailers(list: HeaderList): void {
    this.#log.push(`trailers ${this.id} ${fieldsOf(list)}`);
    this.reactions.onTrailers?.(list);
  }

  onWritable(): void {
    this.#log.push(`writable ${this.id}`);
    this.reactions.onWritable?.();
  }

  onReset(code: number, violation: string | undefined): void {
    this.#log.push(
      `reset ${this.id} ${errorCodeName(code)}${violation === undefined ? '' : ` ${violation}`}`,
    );
    this.reactions.onReset?.(code, violation);
  }

  peerDeadlineMs(): number | undefined {
    return this.reactions.peerDeadlineMs?.();
  }

  onRefused(): void {
    this.#log.push(`refused ${this.id}`);
    this.reactions.onRefused?.();
  }

  onConnectionLost(reason: string): void {
    this.#log.push(`lost ${this.id}`);
    this.reactions.onConnectionLost?.(reason);
  }
}

/** One side of a connection. */
export class Endpoint {
  readonly role: Role;
  readonly connection: Connection;
  readonly output = new OutputBuffer({ outputBegins: () => undefined, slabIsFull: () => undefined });
  /** The callbacks of owners and of the handler since the last look. */
  readonly log: string[] = [];
  readonly violations: (ConnectionError | StreamError)[] = [];
  /** Every stream that has existed on this side. */
  readonly streams = new Map<number, Stream>();
  reactions: Reactions = {};
  /** The time, in milliseconds, at which frames are received. */
  nowMs = 0;

  constructor(role: Role, localSettings: Partial<LocalSettings> = {}) {
    this.role = role;
    this.connection = new Connection(
      role,
      this.output,
      { ...TEST_SETTINGS, ...localSettings },
      this.#handler(),
    );
  }

  #handler(): ConnectionHandler {
    return {
      onRequest: (stream, list, endStream) => {
        this.#own(stream);
        this.log.push(`request ${stream.id} ${fieldsOf(list)}${endStream ? ' end' : ''}`);
        this.reactions.onRequest?.(stream, list, endStream);
      },
      onSettings: (isFirst) => {
        this.log.push(isFirst ? 'settings first' : 'settings');
        this.reactions.onSettings?.(isFirst);
      },
      onGoAway: (lastStreamId, code, debug) => {
        this.log.push(`goaway ${lastStreamId} ${errorCodeName(code)} ${shortened(debug)}`);
        this.reactions.onGoAway?.(lastStreamId, code, debug);
      },
      onPingAcknowledged: () => {
        this.log.push('ping acknowledged');
        this.reactions.onPingAcknowledged?.();
      },
      onCaughtUp: () => {
        this.log.push('caught up');
        this.reactions.onCaughtUp?.();
      },
      onOutputDrained() {},
      onViolation: (error) => {
        this.log.push(`violation ${error.token}`);
        this.violations.push(error);
        this.reactions.onViolation?.(error);
      },
    };
  }

  #own(stream: Stream): void {
    const owner = new RecordingOwner(this.log, this.reactions);
    owner.id = stream.id;
    stream.owner = owner;
    this.streams.set(stream.id, stream);
  }

  /** @returns a stream by its identifier, even if it has ended */
  stream(id: number): Stream {
    const stream = this.streams.get(id);
    assert.ok(stream, `stream ${id} never existed here`);
    return stream;
  }

  /** Opens a stream and sends a request on it. Its owner uses the current `reactions`. */
  requests(options: { endStream?: boolean; method?: string; fields?: readonly Field[] } = {}): Stream {
    const owner = new RecordingOwner(this.log, this.reactions);
    const stream = this.connection.openStream(owner);
    owner.id = stream.id;
    this.streams.set(stream.id, stream);
    const [, ...others] = REQUEST_FIELDS;
    const list = HeaderList.of([':method', options.method ?? 'POST'], ...others, ...(options.fields ?? []));
    stream.sendHeaders(list, options.endStream ?? false);
    return stream;
  }

  responds(id: number, endStream = false, ...fields: readonly Field[]): void {
    this.stream(id).sendHeaders(HeaderList.of([':status', '200'], ...fields), endStream);
  }

  /** Offers data. @returns how many bytes were accepted */
  sends(id: number, text: string | Buffer, endStream = false): number {
    const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
    return this.stream(id).sendData(bytes, 0, bytes.length, endStream);
  }

  /** Feeds frames in one chunk. */
  receives(...frames: readonly Buffer[]): this {
    this.hears(Buffer.concat(frames));
    return this;
  }

  /** Feeds bytes as from a socket, and lets the connection read all of them at once. */
  hears(bytes: Buffer): void {
    this.connection.receive(bytes, this.nowMs);
    while (this.connection.hasUnread) this.connection.readOn();
  }

  /** @returns and removes the bytes sent since the last look */
  takesOutput(): Buffer {
    const pieces: Buffer[] = [];
    for (let slab = this.output.takeSlab(); slab !== undefined; slab = this.output.takeSlab()) {
      pieces.push(Buffer.from(slab.bytes.subarray(0, slab.length)));
      this.output.releaseSlab(slab);
    }
    return Buffer.concat(pieces);
  }

  /** Asserts on the frames sent since the last look. */
  wants(...frames: readonly string[]): this {
    assert.deepEqual(frameSummaries(this.takesOutput()), frames);
    return this;
  }

  /** Asserts on the callbacks of owners and of the handler since the last look. */
  tells(...lines: readonly string[]): this {
    assert.deepEqual(this.log.splice(0), lines);
    return this;
  }

  /** Discards the output and the log so far. */
  clears(): this {
    this.takesOutput();
    this.log.length = 0;
    this.violations.length = 0;
    return this;
  }

  /** Asserts that this violation ended the connection: GOAWAY with the code is the last frame, and no stream is left. */
  failsConnection(token: string, code: keyof typeof ErrorCode): void {
    const frames = frameSummaries(this.takesOutput());
    const error = this.violations.at(-1);
    assert.equal(error?.token, token, `sent ${frames.join('; ')}`);
    assert.ok(error instanceof ConnectionError, 'a connection error');
    assert.match(frames.at(-1) ?? 'nothing sent', new RegExp(`^GOAWAY .* code=${code} `));
    assert.equal(error.code, ErrorCode[code]);
    assert.equal(this.connection.isClosed, true);
    assert.equal(this.connection.streamCount, 0);
  }

  /** Asserts that only the stream ended: RST_STREAM with the code is the last frame, and the connection is still open. */
  failsStream(id: number, token: string, code: keyof typeof ErrorCode): void {
    const frames = frameSummaries(this.takesOutput());
    assert.deepEqual(
      this.violations.map((violation) => violation.token),
      [token],
      `sent ${frames.join('; ')}`,
    );
    assert.equal(frames.at(-1), `RST_STREAM stream=${id} length=4 code=${code}`);
    assert.equal(this.violations[0].code, ErrorCode[code]);
    assert.equal(this.connection.isClosed, false);
  }

  /** Asserts that nothing received was a violation. */
  accepts(): this {
    assert.deepEqual(
      this.violations.map((violation) => violation.message),
      [],
    );
    return this;
  }
}

/** @returns a connection whose handshake is complete and whose log is empty */
export function opened(
  role: Role,
  localSettings: Partial<LocalSettings> = {},
  ...peerSettings: readonly (readonly [id: number, value: number])[]
): Endpoint {
  const endpoint = new Endpoint(role, localSettings);
  if (role === 'server') endpoint.receives(preface());
  return endpoint.receives(settings(...peerSettings), settingsAcknowledgement()).clears();
}

/** Two connections joined in memory. */
export class Wire {
  readonly client: Endpoint;
  readonly server: Endpoint;

  constructor(clientSettings: Partial<LocalSettings> = {}, serverSettings: Partial<LocalSettings> = {}) {
    this.client = new Endpoint('client', clientSettings);
    this.server = new Endpoint('server', serverSettings);
  }

  /** Carries bytes both ways until both sides are silent. `cut` may divide them into chunks; `watch` sees everything that passes. */
  settles(
    cut: (bytes: Buffer) => readonly Buffer[] = (bytes) => [bytes],
    watch: (from: Endpoint, bytes: Buffer) => void = () => undefined,
  ): this {
    for (;;) {
      const toServer = this.client.takesOutput();
      const toClient = this.server.takesOutput();
      if (toServer.length === 0 && toClient.length === 0) return this;
      watch(this.client, toServer);
      for (const chunk of cut(toServer)) this.server.hears(chunk);
      watch(this.server, toClient);
      for (const chunk of cut(toClient)) this.client.hears(chunk);
      this.client.connection.outputDrained();
      this.server.connection.outputDrained();
    }
  }

  /** @returns two joined connections after the handshake, with empty logs */
  static opened(
    clientSettings: Partial<LocalSettings> = {},
    serverSettings: Partial<LocalSettings> = {},
  ): Wire {
    const wire = new Wire(clientSettings, serverSettings).settles();
    wire.client.clears();
    wire.server.clears();
    return wire;
  }
}

function fieldsOf(list: HeaderList): string {
  return list.names.map((name, index) => `${name}=${list.values[index]}`).join(' ');
}

function shortened(text: string): string {
  return text.length > 40 ? `<${text.length} bytes>` : JSON.stringify(text);
}
