// Streams that stay open, each with a message a second that the server answers. One that ends is opened again. How long each answer
// took is noted, and how each stream has ended.

import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';

const MESSAGE = Buffer.from([0, 0, 0, 0, 3, 65, 66, 67]);
const STREAMS_PER_CONNECTION = 100;
const INTERVAL_MS = 1000;
/** The messages of all streams are spread over the interval in so many steps. */
const STEPS = 50;
const OPENED_AT_ONCE = 30;

export interface StreamEnd {
  readonly startedMs: number;
  readonly endedMs: number;
  readonly status: string;
  readonly message: string;
}

interface OpenStream {
  server: string;
  write(): void;
}

export class LongStreams {
  readonly ends: StreamEnd[] = [];
  readonly #port: number;
  readonly #sessions: ClientHttp2Session[] = [];
  readonly #streams: (OpenStream | undefined)[] = [];
  #delays: number[] = [];
  #step = 0;
  readonly #timer: NodeJS.Timeout;
  #isEnding = false;

  constructor(port: number) {
    this.#port = port;
    this.#timer = setInterval(() => this.#writeSome(), INTERVAL_MS / STEPS);
  }

  /** How many streams have been answered and not ended. */
  get openCount(): number {
    return this.#streams.filter((stream) => stream !== undefined && stream.server !== '').length;
  }

  async open(count: number): Promise<void> {
    for (let number = 0; number < count; number++) {
      if (number % STREAMS_PER_CONNECTION === 0) this.#connect();
      this.#open(number);
      if (number % OPENED_AT_ONCE === OPENED_AT_ONCE - 1)
        await eventually('streams are answered', () => this.openCount === number + 1, START_TIMEOUT_MS);
    }
    await eventually('all streams are open', () => this.openCount === count, START_TIMEOUT_MS);
  }

  countByServer(): Readonly<Record<string, number>> {
    const groups = Map.groupBy(this.#streams, (stream) => stream?.server ?? '');
    return Object.fromEntries(Array.from(groups, ([name, { length }]) => [name, length]));
  }

  /** @returns how long answers took since the last call, in milliseconds */
  takeDelays(): readonly number[] {
    const delays = this.#delays;
    this.#delays = [];
    return delays;
  }

  #connect(): void {
    const session = connect(`http://127.0.0.1:${this.#port}`);
    session.on('error', () => undefined);
    this.#sessions.push(session);
  }

  #writeSome(): void {
    this.#step = (this.#step + 1) % STEPS;
    for (let number = this.#step; number < this.#streams.length; number += STEPS)
      this.#streams[number]?.write();
  }

  #open(number: number): void {
    const startedMs = performance.now();
    const session = this.#sessions[Math.floor(number / STREAMS_PER_CONNECTION)];
    const stream = session.request(
      {
        ':method': 'POST',
        ':path': '/outage.Voice/Talk',
        'content-type': 'application/grpc',
        te: 'trailers',
      },
      { endStream: false },
    );
    let fields: IncomingHttpHeaders = {};
    let sentMs: number | undefined;
    const open: OpenStream = {
      server: '',
      write: () => {
        // One message at a time, so that each answer belongs to it.
        if (sentMs !== undefined) return;
        sentMs = performance.now();
        stream.write(MESSAGE);
      },
    };
    this.#streams[number] = open;
    open.write();
    stream.on('response', (headers) => {
      fields = { ...fields, ...headers };
    });
    stream.on('trailers', (trailers) => {
      fields = { ...fields, ...trailers };
    });
    stream.on('data', (piece: Buffer) => {
      if (open.server !== '' && sentMs !== undefined) this.#delays.push(performance.now() - sentMs);
      sentMs = undefined;
      open.server = piece.subarray(5).toString();
    });
    stream.on('error', () => undefined);
    stream.on('close', () => {
      if (this.#isEnding) return;
      const status = String(fields['grpc-status'] ?? 'none');
      const message = decodeURIComponent(String(fields['grpc-message'] ?? ''));
      this.ends.push({ startedMs, endedMs: performance.now(), status, message });
      this.#open(number);
    });
  }

  close(): void {
    this.#isEnding = true;
    clearInterval(this.#timer);
    for (const session of this.#sessions) session.destroy();
  }
}
