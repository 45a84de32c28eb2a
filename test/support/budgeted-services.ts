// Services that tolerate as many resets and stream errors on one connection as real ones do. Beyond that they end the connection,
// including the calls of other clients on it. They count how often each call ran, by the field x-call.

import assert from 'node:assert/strict';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { TestContext } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { goAwayFrame } from './raw-frames.ts';
import type { RawPeer } from './raw-peer.ts';
import { type RawRequest, type RawServer, type RawServerOptions, startRawServer } from './raw-server.ts';

/** The response begins and goes on forever, with a message every 100 ms. */
export const ENDLESS = '/test/endless';
/** The response begins at once and ends after SLOW_MS. */
export const SLOW = '/test/slow';
/** The response is complete at once, even if the request has not ended. */
export const QUICK = '/test/quick';
const SLOW_MS = 300;

export class CallCounts {
  readonly runs = new Map<string, number>();

  count(id: string | undefined): void {
    if (id !== undefined) this.runs.set(id, (this.runs.get(id) ?? 0) + 1);
  }

  /** The ids of the calls that ran more than once. */
  get doubled(): readonly string[] {
    return Array.from(this.runs).flatMap(([id, times]) => (times > 1 ? [id] : []));
  }
}

export class NodeService {
  readonly counts = new CallCounts();
  readonly sessions = new Set<ServerHttp2Session>();
  sessionsEver = 0;
  /** The number of sessions that ended with an error. */
  failures = 0;
  readonly #server: Http2Server;

  private constructor(server: Http2Server) {
    this.#server = server;
  }

  get address(): string {
    const bound = this.#server.address();
    assert.ok(bound !== null && typeof bound !== 'string');
    return `127.0.0.1:${bound.port}`;
  }

  /** Starts a service with Node's own budgets: nghttp2's 1,000 resets plus 33 per second, and 1,000 invalid streams. */
  static async start(t: TestContext, maxConcurrentStreams?: number): Promise<NodeService> {
    const settings = maxConcurrentStreams === undefined ? {} : { maxConcurrentStreams };
    const server = createServer({ settings });
    const service = new NodeService(server);
    server.on('session', (session) => {
      service.sessionsEver++;
      service.sessions.add(session);
      session.on('error', () => undefined);
      session.on('close', () => service.sessions.delete(session));
    });
    server.on('sessionError', () => service.failures++);
    server.on('stream', (stream, headers) => {
      service.counts.count(headers['x-call']?.toString());
      answer(stream, headers[':path'] ?? '');
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, '127.0.0.1', resolve);
    await promise;
    t.after(() => {
      for (const session of service.sessions) session.destroy();
      server.close();
    });
    return service;
  }
}

const MESSAGE = Buffer.concat([Buffer.from([0, 0, 0, 0, 3]), Buffer.from('abc')]);

function answer(stream: ServerHttp2Stream, path: string): void {
  stream.on('error', () => undefined);
  stream.resume();
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.write(MESSAGE);
  if (path === ENDLESS) {
    const timer = setInterval(() => stream.write(MESSAGE), 100);
    stream.on('close', () => clearInterval(timer));
  } else if (path === SLOW) {
    setTimeout(() => stream.end(), SLOW_MS);
  } else {
    stream.end();
  }
}

/** Netty's limits: 200 RST_STREAM from the peer in 30 s, and as many of its own. One more ends the connection. */
const NETTY_RESETS = 200;
const NETTY_WINDOW_MS = 30_000;

class NettyWindow {
  #sinceMs = Number.NEGATIVE_INFINITY;
  count = 0;

  /** @returns whether the limit is exceeded */
  add(): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#sinceMs >= NETTY_WINDOW_MS) {
      this.#sinceMs = nowMs;
      this.count = 1;
      return false;
    }
    return ++this.count > NETTY_RESETS;
  }
}

export interface NettyService {
  readonly server: RawServer;
  readonly counts: CallCounts;
  /** @returns the number of connections that the service ended */
  readonly killed: () => number;
}

export async function startNettyService(
  t: TestContext,
  respond: (request: RawRequest, reset: (code: number) => void) => void,
  options: Pick<RawServerOptions, 'onRequest'> = {},
): Promise<NettyService> {
  const counts = new CallCounts();
  let killed = 0;
  const received = new WeakMap<object, NettyWindow>();
  const sent = new WeakMap<object, NettyWindow>();
  const windowOf = (map: WeakMap<object, NettyWindow>, peer: object): NettyWindow => {
    const window = map.get(peer) ?? new NettyWindow();
    map.set(peer, window);
    return window;
  };
  const kill = (peer: RawPeer, streamId: number): void => {
    if (peer.isClosed || peer.socket.writableEnded) return;
    killed++;
    peer.send(goAwayFrame(streamId, ErrorCode.ENHANCE_YOUR_CALM, 'Maximum number of RST frames'));
    peer.socket.end();
  };
  const server = await startRawServer({
    ...options,
    onRequestEnd: (request) => {
      counts.count(request.field('x-call'));
      respond(request, (code) => {
        request.reset(code);
        if (windowOf(sent, request.peer).add()) kill(request.peer, request.streamId);
      });
    },
    onPeerFrame: (peer, frame) => {
      if (frame.type === FrameType.RST_STREAM && windowOf(received, peer).add()) kill(peer, frame.streamId);
    },
  });
  t.after(() => server.close());
  return { server, counts, killed: () => killed };
}
