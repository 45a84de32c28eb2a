// A gRPC service of this process whose health, pace and failures a scenario sets at any time. Its answers say which one it is.

import { once } from 'node:events';
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { grpcMessage } from './grpc-message.ts';

const HEALTH = '/grpc.health.v1.Health/';
const SERVING = grpcMessage(Buffer.from([0x08, 1]));
const NOT_SERVING = grpcMessage(Buffer.from([0x08, 2]));
const HEAD = { ':status': 200, 'content-type': 'application/grpc' };

/** How a service that fails does so: the last part of the path of the call says which way. */
function fail(stream: ServerHttp2Stream, path: string, server: string): void {
  const [, , how, code = '14'] = path.split('/');
  if (how === 'reset') {
    stream.close(Number(code));
    return;
  }
  if (how === 'trailers') {
    stream.respond({ ...HEAD, 'x-server': server }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': code }));
    stream.end();
    return;
  }
  stream.respond({ ...HEAD, 'x-server': server, 'grpc-status': code }, { endStream: true });
}

export class Service {
  readonly name: string;
  port = 0;
  isFailing = false;
  delayMs = 0;
  readonly #server: Http2Server = createServer();
  readonly #watchers = new Set<ServerHttp2Stream>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #isHealthy = true;

  private constructor(name: string) {
    this.name = name;
    this.#server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', () => undefined);
    });
    this.#server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      this.#serve(stream, headers);
    });
  }

  static async start(name: string): Promise<Service> {
    const service = new Service(name);
    service.#server.listen(0, '127.0.0.1');
    await once(service.#server, 'listening');
    const address = service.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the service has no port');
    service.port = address.port;
    return service;
  }

  static async startMany(count: number): Promise<readonly Service[]> {
    return await Promise.all(Array.from({ length: count }, async (_, index) => Service.start(`s${index}`)));
  }

  get isHealthy(): boolean {
    return this.#isHealthy;
  }

  set isHealthy(isHealthy: boolean) {
    this.#isHealthy = isHealthy;
    for (const watcher of this.#watchers) watcher.write(isHealthy ? SERVING : NOT_SERVING);
  }

  #serve(stream: ServerHttp2Stream, { ':path': path = '' }: IncomingHttpHeaders): void {
    if (path === `${HEALTH}Watch`) this.#watch(stream);
    else if (path === `${HEALTH}Check`) this.#answer(stream, this.#isHealthy ? SERVING : NOT_SERVING);
    else if (this.isFailing) fail(stream, path, this.name);
    else if (this.delayMs === 0) this.#answer(stream, grpcMessage(Buffer.from(this.name)));
    else setTimeout(() => this.#answer(stream, grpcMessage(Buffer.from(this.name))), this.delayMs);
  }

  #watch(stream: ServerHttp2Stream): void {
    stream.respond(HEAD);
    stream.write(this.#isHealthy ? SERVING : NOT_SERVING);
    this.#watchers.add(stream);
    stream.on('close', () => this.#watchers.delete(stream));
  }

  #answer(stream: ServerHttp2Stream, message: Buffer): void {
    if (stream.destroyed) return;
    stream.respond(HEAD, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(message);
  }

  close(): void {
    for (const session of this.#sessions) session.destroy();
    this.#server.close();
  }
}
