// The service behind both proxies: it answers each request with the watched fields that it saw of it, and sends fields of its own for
// proxies to edit.

import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { grpcMessage } from '../grpc-message.ts';
import { type Field, WATCHED_REQUEST_FIELDS } from './asked-request.ts';

const HEAD = { ':status': 200, 'x-service': 'echo', 'x-internal': 'service' };
const TRAILERS = { 'x-cost': '5', 'x-internal': 'trailer' };

export class EchoService {
  readonly port: number;
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();

  private constructor(server: Http2Server, port: number) {
    this.#server = server;
    this.port = port;
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', () => undefined);
    });
  }

  static async start(): Promise<EchoService> {
    const server = createServer();
    server.on('stream', (stream, _headers, _flags, raw) => {
      stream.on('error', () => undefined);
      stream.resume().once('end', () => answer(stream, pairsOf(raw)));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the service has no port');
    return new EchoService(server, address.port);
  }

  close(): void {
    for (const session of this.#sessions) session.destroy();
    this.#server.close();
  }
}

function pairsOf(raw: readonly string[]): readonly Field[] {
  return Array.from({ length: raw.length / 2 }, (_, index) => [raw[2 * index], raw[2 * index + 1]] as const);
}

function answer(stream: ServerHttp2Stream, fields: readonly Field[]): void {
  const isGrpc = new Map(fields).get('content-type') === 'application/grpc';
  const watched = fields.filter(([name]) => WATCHED_REQUEST_FIELDS.includes(name));
  const seen = Buffer.from(JSON.stringify(watched));
  const type = isGrpc ? 'application/grpc' : 'application/json';
  stream.respond({ ...HEAD, 'content-type': type }, { waitForTrailers: true });
  stream.on('wantTrailers', () =>
    stream.sendTrailers({ ...TRAILERS, ...(isGrpc ? { 'grpc-status': '0' } : {}) }),
  );
  stream.end(isGrpc ? grpcMessage(seen) : seen);
}
