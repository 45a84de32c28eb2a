// Services that bear as many resets and stream errors of one connection as real ones do, and then end it, whoever else has
// calls on it. They count how often each call was run, by the field x-call.

import assert from 'node:assert/strict';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { TestContext } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { goAwayFrame } from './raw-frames.ts';
import type { RawPeer } from './raw-peer.ts';
import { type RawRequest, type RawServer, type RawServerOptions, startRawServer } from './raw-server.ts';

/** Paths that end so begin a response, send a piece of it, and never end it. */
export const ENDLESS = '/test/endless';
/** Answers at once, and ends a while later. */
export const SLOW = '/test/slow';
/** Answers at once, and all of it; the request need not have ended. */
export const QUICK = '/test/quick';
const SLOW_MS = 300;

export class CallCounts {
  readonly runs = new Map<string, number>();

  count(id: string | undefined): void {
    if (id !== undefined) this.runs.set(id, (this.runs.get(id) ?? 0) + 1);
  }

  /** Calls that ran more than once. */
  get doubled(): readonly string[] {
    return Array.from(this.runs).flatMap(([id, times]) => (times > 1 ? [id] : []));
  }
}

export class NodeService {
  readonly counts = new CallCounts();
  readonly sessions = new Set<ServerHttp2Session>();
  sessionsEver = 0;
  /** Sessions that ended with an error. */
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

  /** With Node's own budgets: nghttp2's 1,000 resets and 33 more a second, and 1,000 invalid streams. */
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

/** As Netty counts: 200 RST_STREAM of the peer in 30 s, and as many of its own; one more ends the connection. */
const NETTY_RESETS = 200;
const NETTY_WINDOW_MS = 30_000;

class NettyWindow {
  #sinceMs = Number.NEGATIVE_INFINITY;
  count = 0;

  /** @returns whether it was too many */
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
  /** Connections it ended. */
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
