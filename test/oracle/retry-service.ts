// A gRPC service that fails the first attempt of each call in the way that the path of the call names, and answers the others. It notes
// what it saw of each attempt.

import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { grpcMessage } from './grpc-message.ts';

const HEAD = { ':status': 200, 'content-type': 'application/grpc' };
const MESSAGE = grpcMessage(Buffer.from('retry'));
const NO_ERROR = 0;

export interface SeenAttempt {
  readonly atMs: number;
  readonly grpcTimeout: string;
}

type Misbehave = (stream: ServerHttp2Stream) => void;

function trailersOnly(status: string, fields: Readonly<Record<string, string>> = {}): Misbehave {
  return (stream) => stream.respond({ ...HEAD, ...fields, 'grpc-status': status }, { endStream: true });
}

/** Headers, and trailers so much later. */
function trailersAfter(delayMs: number, status: string, message?: Buffer): Misbehave {
  return (stream) => {
    stream.respond(HEAD, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }));
    const end = (): void => {
      if (message === undefined) stream.end();
      else stream.end(message);
    };
    if (delayMs === 0) end();
    else setTimeout(end, delayMs);
  };
}

function afterHeaders(act: (stream: ServerHttp2Stream) => void): Misbehave {
  return (stream) => {
    // With trailers to come the end of the stream is not sent by itself before a reset.
    stream.respond(HEAD, { waitForTrailers: true });
    setTimeout(() => act(stream), 10);
  };
}

const breakConnection = (stream: ServerHttp2Stream): void => stream.session?.destroy();

/** What happens to the first attempt, by name. */
const MISBEHAVIOURS: Readonly<Record<string, Misbehave>> = {
  'trailers-only': trailersOnly('14'),
  'trailers-at-once': trailersAfter(0, '14'),
  'trailers-after-10ms': trailersAfter(10, '14'),
  'trailers-after-30ms': trailersAfter(30, '14'),
  'exhausted-in-trailers': trailersAfter(0, '8'),
  'cancelled-in-trailers': trailersAfter(0, '1'),
  'trailers-after-a-message': trailersAfter(0, '14', MESSAGE),
  'other-status-in-trailers': trailersAfter(0, '5'),
  'reset-refused': (stream) => stream.close(7),
  'reset-cancel': (stream) => stream.close(8),
  'connection-lost': breakConnection,
  'reset-after-headers': afterHeaders((stream) => stream.close(8)),
  'connection-lost-after-headers': afterHeaders(breakConnection),
  goaway: (stream) => {
    stream.session?.goaway(NO_ERROR, Math.max(0, (stream.id ?? 1) - 2));
    stream.close(7);
  },
  'pushback-100ms': trailersOnly('14', { 'grpc-retry-pushback-ms': '100' }),
  'pushback-never': trailersOnly('14', { 'grpc-retry-pushback-ms': '-1' }),
};

export const MISBEHAVIOUR_NAMES: readonly string[] = Object.keys(MISBEHAVIOURS);

export class RetryService {
  port = 0;
  /** The attempts of each call, by its key. */
  readonly attempts = new Map<string, SeenAttempt[]>();
  /** How long an answer takes. */
  delayMs = 0;
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();

  private constructor(mostStreams: number | undefined) {
    this.#server = createServer(
      mostStreams === undefined ? {} : { settings: { maxConcurrentStreams: mostStreams } },
    );
    this.#server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', () => undefined);
    });
    this.#server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      // Some failures are of the request as a whole: it has been read by then.
      stream.resume().once('end', () => {
        const grpcTimeout = String(headers['grpc-timeout'] ?? '');
        this.#serve(stream, String(headers['x-key']), String(headers[':path']), grpcTimeout);
      });
    });
  }

  static async start(mostStreams?: number): Promise<RetryService> {
    const service = new RetryService(mostStreams);
    service.#server.listen(0, '127.0.0.1');
    await once(service.#server, 'listening');
    const address = service.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the service has no port');
    service.port = address.port;
    return service;
  }

  #serve(stream: ServerHttp2Stream, key: string, path: string, grpcTimeout: string): void {
    const seen = this.attempts.get(key) ?? [];
    seen.push({ atMs: performance.now(), grpcTimeout });
    this.attempts.set(key, seen);
    const misbehave = MISBEHAVIOURS[path.split('/').at(-1) ?? ''];
    if (misbehave !== undefined && seen.length === 1) misbehave(stream);
    else if (this.delayMs === 0) trailersAfter(0, '0', MESSAGE)(stream);
    else setTimeout(() => trailersAfter(0, '0', MESSAGE)(stream), this.delayMs);
  }

  close(): void {
    for (const session of this.#sessions) session.destroy();
    this.#server.close();
  }
}
