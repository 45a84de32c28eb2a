// The same bytes of a client go to Framegate's engine and to node:http2 (nghttp2), both as servers that only listen:
// whatever a legal client says, both must have heard the same, stream by stream.

import { createHash } from 'node:crypto';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { connect } from 'node:net';
import { Connection } from '../../src/h2/connection.ts';
import { errorCodeName } from '../../src/h2/error-codes.ts';
import { Flag, FrameType } from '../../src/h2/frame-type.ts';
import type { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { OutputBuffer } from '../../src/h2/output-buffer.ts';
import type { Stream } from '../../src/h2/stream.ts';
import { eventually } from '../support/eventually.ts';
import * as frames from '../support/frames.ts';
import { PATIENCE } from '../support/local-settings.ts';
import { FrameStream } from './frame-stream.ts';
import { FuzzPeer } from './fuzz-peer.ts';
import { Random } from './random.ts';

/** What a server heard on one stream. */
export interface HeardStream {
  fields: string;
  body: Buffer;
  trailers: string;
  hasEnded: boolean;
  /** The name of the code; '' unless the client reset it. */
  reset: string;
}

/** What a server heard on a connection, and what it said to it. */
export interface Heard {
  readonly streams: ReadonlyMap<number, HeardStream>;
  /** RST_STREAM that the server sent, by stream. */
  readonly resets: ReadonlyMap<number, string>;
  /** 'open', or the code of its GOAWAY, or 'closed' where it said none. */
  readonly connection: string;
}

/** Its acknowledgement says that all before it was read. */
const LAST_PING = 'the-end!';

const SETTINGS = {
  maxConcurrentStreams: 1000,
  initialWindowBytes: 65_535,
  connectionWindowBytes: 65_535,
  maxHeaderListBytes: 65_535,
  maxHeaderFields: 128,
  ...PATIENCE,
} as const;

function newHeard(fields: string): HeardStream {
  return { fields, body: Buffer.alloc(0), trailers: '', hasEnded: false, reset: '' };
}

/** A legal client that never hears an answer. @returns its bytes, and how many frames they are about */
export function legalSession(seed: number): { readonly bytes: Buffer; readonly frames: number } {
  const random = new Random(seed);
  const peer = new FuzzPeer('server', random, { leaves: false });
  const count = 5 + random.below(120);
  const pieces = [peer.opening(), ...Array.from({ length: count }, () => peer.next())];
  return { bytes: Buffer.concat(pieces), frames: count + 1 };
}

/** What the server side said: resets and its farewell. */
class Answers {
  readonly resets = new Map<number, string>();
  readonly #stream = new FrameStream();
  connection = 'open';
  isAtEnd = false;

  read(bytes: Buffer): void {
    for (const { type, flags, streamId, payload } of this.#stream.read(bytes)) {
      if (type === FrameType.RST_STREAM) this.resets.set(streamId, errorCodeName(payload.readUInt32BE(0)));
      else if (type === FrameType.GOAWAY) this.connection = errorCodeName(payload.readUInt32BE(4));
      else if (type === FrameType.PING && (flags & Flag.ACK) !== 0)
        this.isAtEnd ||= payload.toString() === LAST_PING;
    }
  }
}

export function heardByFramegate(bytes: Buffer, chunkBytes: number): Heard {
  const streams = new Map<number, HeardStream>();
  const output = new OutputBuffer({ outputBegins: () => undefined, slabIsFull: () => undefined });
  const connection = new Connection('server', output, SETTINGS, {
    onRequest: (stream, list, endStream) => listenTo(streams, stream, list, endStream),
    onSettings: () => undefined,
    onGoAway: () => undefined,
    onPingAcknowledged: () => undefined,
    onCaughtUp: () => undefined,
    onOutputDrained: () => undefined,
    onViolation: () => undefined,
  });
  const all = Buffer.concat([bytes, frames.ping(LAST_PING)]);
  for (let at = 0; at < all.length; at += chunkBytes) {
    connection.receive(all.subarray(at, at + chunkBytes));
    while (connection.hasUnread) connection.readOn();
  }
  const answers = new Answers();
  for (let slab = output.takeSlab(); slab !== undefined; slab = output.takeSlab())
    answers.read(Buffer.from(slab.bytes.subarray(0, slab.length)));
  return { streams, resets: answers.resets, connection: answers.connection };
}

function listenTo(
  streams: Map<number, HeardStream>,
  stream: Stream,
  list: HeaderList,
  endStream: boolean,
): void {
  const heard = newHeard(textOf(list));
  heard.hasEnded = endStream;
  streams.set(stream.id, heard);
  stream.owner = {
    onResponse: () => undefined,
    onData: (bytes, start, end, isLast) => {
      heard.body = Buffer.concat([heard.body, bytes.subarray(start, end)]);
      heard.hasEnded = isLast;
    },
    onTrailers: (trailers) => {
      heard.trailers = textOf(trailers);
      heard.hasEnded = true;
    },
    onWritable: () => undefined,
    onReset: (code, violation) => {
      if (violation === undefined) heard.reset = errorCodeName(code);
    },
    onRefused: () => undefined,
    onConnectionLost: () => undefined,
  };
}

function textOf({ names, values }: HeaderList): string {
  return names.map((name, index) => `${name}: ${values[index]}`).join('\n');
}

export class NodeServer {
  readonly #server: Http2Server;
  readonly #port: number;
  #streams = new Map<number, HeardStream>();

  private constructor(server: Http2Server) {
    this.#server = server;
    const address = server.address();
    this.#port = address === null || typeof address === 'string' ? 0 : address.port;
    server.on('stream', (stream, _headers, flags, rawHeaders) => this.#take(stream, rawHeaders, flags));
    server.on('sessionError', () => undefined);
  }

  static async start(): Promise<NodeServer> {
    const server = createServer({ settings: { maxHeaderListSize: 65_535, enableConnectProtocol: false } });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, '127.0.0.1', resolve);
    await promise;
    return new NodeServer(server);
  }

  close(): void {
    this.#server.close();
  }

  #take(stream: ServerHttp2Stream, rawHeaders: readonly string[], flags: number): void {
    const lines = Array.from(
      { length: rawHeaders.length / 2 },
      (_, at) => `${rawHeaders[2 * at]}: ${rawHeaders[2 * at + 1]}`,
    );
    const heard = newHeard(lines.join('\n'));
    heard.hasEnded = (flags & Flag.END_STREAM) !== 0;
    this.#streams.set(stream.id ?? 0, heard);
    stream.on('data', (chunk: Buffer) => {
      heard.body = Buffer.concat([heard.body, chunk]);
    });
    stream.on('trailers', (headers: object) => {
      heard.trailers = Object.entries(headers)
        .map(([name, value]) => `${name}: ${String(value)}`)
        .join('\n');
    });
    stream.on('end', () => {
      heard.hasEnded = true;
    });
    stream.on('error', () => undefined);
    stream.on('close', () => {
      heard.reset = errorCodeName(stream.rstCode ?? 0);
    });
  }

  /** @param isAsExpected node tells of ends a few turns after it read them: it has time until this holds, and a second more */
  async hear(bytes: Buffer, isAsExpected: (heard: Heard) => boolean): Promise<Heard> {
    this.#streams = new Map();
    const streams = this.#streams;
    const answers = new Answers();
    const socket = connect(this.#port, '127.0.0.1');
    let isClosed = false;
    socket.on('data', (chunk: Buffer) => answers.read(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      isClosed = true;
    });
    socket.write(Buffer.concat([bytes, frames.ping(LAST_PING)]));
    await eventually(
      'the server has read all, or closed',
      () => answers.isAtEnd || isClosed || answers.connection !== 'open',
    );
    if (answers.connection === 'open' && isClosed) answers.connection = 'closed';
    const heard = { streams, resets: answers.resets, connection: answers.connection };
    await eventually('both agree', () => isAsExpected(heard), 1000).catch(() => undefined);
    // A copy: what happens to streams as the socket goes is not the client's doing.
    const copy = new Map(Array.from(streams, ([id, stream]) => [id, { ...stream }]));
    socket.destroy();
    return { ...heard, streams: copy };
  }
}

/** @returns the first difference between what the two heard of a legal client; undefined when there is none */
export function difference(ours: Heard, theirs: Heard): string | undefined {
  if (ours.connection !== theirs.connection)
    return `connection: ${ours.connection}, node ${theirs.connection}`;
  for (const id of new Set([
    ...ours.streams.keys(),
    ...theirs.streams.keys(),
    ...ours.resets.keys(),
    ...theirs.resets.keys(),
  ])) {
    const own = describe(ours, id);
    const other = describe(theirs, id);
    if (own !== other) return `stream ${id}: ${own}, node ${other}`;
  }
  return undefined;
}

function describe(heard: Heard, id: number): string {
  const answer = heard.resets.has(id) ? ` answered ${heard.resets.get(id)}` : '';
  const stream = heard.streams.get(id);
  if (stream === undefined) return `never heard of${answer}`;
  const { fields, body, trailers, hasEnded, reset } = stream;
  // node drops what it has not handed out yet when a reset comes, the end included (RFC 9113 section 8.1 lets it).
  if (reset !== '') return `${digest(fields)} reset ${reset}${answer}`;
  return `${digest(fields)} body ${body.length} ${digest(body)} trailers ${digest(trailers)} ${hasEnded ? 'ended' : 'open'}${answer}`;
}

function digest(text: string | Buffer): string {
  return createHash('sha1').update(text).digest('hex').slice(0, 8);
}

export interface DifferentialOptions {
  readonly sessions: number;
  readonly seconds: number;
  readonly seed: number;
}

/** @returns the differences found */
export async function runDifferential(
  options: DifferentialOptions,
  print: (line: string) => void = () => undefined,
): Promise<readonly string[]> {
  const node = await NodeServer.start();
  const found: string[] = [];
  const startedMs = performance.now();
  let frameCount = 0;
  let sessions = 0;
  const say = (): void => {
    const elapsed = (performance.now() - startedMs) / 1000;
    print(
      `differential: ${sessions} sessions, ${frameCount} frames, ${Math.round(frameCount / elapsed)} frames/s, ` +
        `${found.length} differences, seed ${options.seed}`,
    );
  };
  for (let saidMs = startedMs; sessions < options.sessions && found.length < 5; sessions++) {
    if (performance.now() - startedMs > options.seconds * 1000) break;
    const seed = options.seed + sessions;
    const session = legalSession(seed);
    frameCount += session.frames;
    const ours = heardByFramegate(session.bytes, 1 + (seed % 3000));
    const theirs = await node.hear(session.bytes, (heard) => difference(ours, heard) === undefined);
    const different = difference(ours, theirs);
    if (different !== undefined) found.push(`differential, session seed ${seed}: ${different}`);
    if (performance.now() - saidMs < 4000) continue;
    saidMs = performance.now();
    say();
  }
  say();
  node.close();
  return found;
}
