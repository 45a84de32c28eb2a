// A client that sends a token with each call. Nothing of this project is used here.

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
} from 'node:http2';
import { connect as connectSocket } from 'node:net';

const MESSAGE = Buffer.concat([Buffer.from([0, 0, 0, 0, 100]), Buffer.alloc(100, 0x61)]);
const USUAL = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };

export interface CallEnd {
  /** The gRPC status, or what came in its place. */
  readonly status: string;
  readonly message: string;
  readonly tookMs: number;
}

export interface TokenCall {
  readonly stream: ClientHttp2Stream;
  readonly end: Promise<CallEnd>;
}

export class TokenClient {
  readonly #session: ClientHttp2Session;

  /** @param address the loopback address that it calls from */
  constructor(port: number, address: string) {
    this.#session = connect(`http://127.0.0.1:${port}`, {
      createConnection: () => connectSocket({ host: '127.0.0.1', port, localAddress: address }),
    });
    this.#session.on('error', () => undefined);
  }

  open(path: string, token: string): TokenCall {
    const startedMs = performance.now();
    const stream = this.#session.request({ ...USUAL, ':path': path, authorization: `Bearer ${token}` });
    const { promise, resolve } = Promise.withResolvers<CallEnd>();
    let status: string | undefined;
    let message: string | undefined;
    let problem = 'no status';
    const note = (fields: IncomingHttpHeaders): void => {
      status ??= textOf(fields['grpc-status']);
      message ??= textOf(fields['grpc-message']);
    };
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('error', (error) => {
      problem = error.message;
    });
    stream.on('close', () =>
      resolve({
        status: status ?? problem,
        message: decodeURIComponent(message ?? ''),
        tookMs: performance.now() - startedMs,
      }),
    );
    return { stream, end: promise };
  }

  /** A call with one message. */
  async call(path: string, token: string): Promise<CallEnd> {
    const { stream, end } = this.open(path, token);
    stream.resume();
    stream.end(MESSAGE);
    return end;
  }

  /** @returns how many messages have come back on an open stream, which get one more every so often until it ends */
  static talk({ stream }: TokenCall, everyMs: number): () => number {
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    stream.write(MESSAGE);
    const timer = setInterval(() => stream.write(MESSAGE), everyMs);
    stream.on('close', () => clearInterval(timer));
    return () => Math.floor(bytes / MESSAGE.length);
  }

  close(): void {
    this.#session.destroy();
  }
}

function textOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}
