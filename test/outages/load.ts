// Calls at a fixed rate, and streams that are opened again when they end. Each end is noted with its times, status and message.

import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';

const MESSAGE = Buffer.from([0, 0, 0, 0, 3, 65, 66, 67]);
const TICK_MS = 10;
/** Between two messages of one stream. */
const STREAM_INTERVAL_MS = 1000;
const REOPEN_AFTER_MS = 200;

/** How a call or a stream has ended. Times are those of performance.now(). */
export interface End {
  readonly kind: 'retried' | 'plain' | 'stream';
  readonly startedMs: number;
  readonly endedMs: number;
  /** The gRPC status, or why there is none. */
  readonly status: string;
  readonly message: string;
  /** The name of the server that answered last, or ''. */
  readonly server: string;
}

export interface LoadOptions {
  readonly port: number;
  readonly callsPerSecond: number;
  readonly streams: number;
}

/** Half of the calls take a route that retries (`/retried/...`), half one that does not. */
export class Load {
  readonly ends: End[] = [];
  readonly open = new Set<object>();
  readonly #options: LoadOptions;
  readonly #sessions: readonly ClientHttp2Session[];
  readonly #startedMs = performance.now();
  readonly #writers = new Set<() => void>();
  readonly #timers: NodeJS.Timeout[] = [];
  #made = 0;
  #isEnding = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#sessions = Array.from({ length: 10 }, () => connect(`http://127.0.0.1:${options.port}`));
    for (const session of this.#sessions) session.on('error', () => undefined);
    this.#timers.push(
      setInterval(() => this.#call(), TICK_MS),
      setInterval(() => {
        for (const write of this.#writers) write();
      }, STREAM_INTERVAL_MS),
    );
    for (let stream = 0; stream < options.streams; stream++) this.#stream(stream);
  }

  #call(): void {
    const due = ((performance.now() - this.#startedMs) / 1000) * this.#options.callsPerSecond;
    while (this.#made < due) {
      const kind = this.#made % 2 === 0 ? 'retried' : 'plain';
      this.#open(kind, this.#made++)?.end(MESSAGE);
    }
  }

  #stream(number: number): void {
    const stream = this.#open('stream', number, () => {
      this.#writers.delete(write);
      if (!this.#isEnding) setTimeout(() => this.#stream(number), REOPEN_AFTER_MS);
    });
    const write = (): void => {
      stream.write(MESSAGE);
    };
    write();
    this.#writers.add(write);
  }

  #open(kind: End['kind'], number: number, onEnd?: () => void) {
    const startedMs = performance.now();
    const stream = this.#sessions[number % this.#sessions.length].request(
      {
        ':method': 'POST',
        ':path': kind === 'stream' ? '/outage.Voice/Talk' : `/${kind}/outage.Voice/Say`,
        'content-type': 'application/grpc',
        te: 'trailers',
        'grpc-timeout': kind === 'stream' ? '24H' : '60S',
      },
      { endStream: false },
    );
    this.open.add(stream);
    let fields: IncomingHttpHeaders = {};
    let problem = '';
    let server = '';
    stream.on('response', (headers) => {
      fields = { ...fields, ...headers };
    });
    stream.on('trailers', (trailers) => {
      fields = { ...fields, ...trailers };
    });
    stream.on('data', (piece: Buffer) => {
      server = piece.subarray(5).toString();
    });
    stream.on('error', (error) => {
      problem = error.message;
    });
    stream.on('close', () => {
      this.open.delete(stream);
      if (kind === 'stream' && this.#isEnding) return;
      const status = String(fields['grpc-status'] ?? `none (${problem})`);
      const message = decodeURIComponent(String(fields['grpc-message'] ?? ''));
      this.ends.push({ kind, startedMs, endedMs: performance.now(), status, message, server });
      onEnd?.();
    });
    return stream;
  }

  /** Makes no more calls. @returns once all have ended, or none of them has for `limitMs` */
  async stop(limitMs: number): Promise<void> {
    this.#isEnding = true;
    for (const timer of this.#timers) clearInterval(timer);
    for (const session of this.#sessions) session.close();
    const endMs = performance.now() + limitMs;
    const streams = this.#options.streams;
    while (this.open.size > streams && performance.now() < endMs)
      await new Promise((resolve) => setTimeout(resolve, 50));
    for (const session of this.#sessions) session.destroy();
  }
}
