// The HTTP/2 server that the relay finds behind an HTTP/1.1 upstream: Node's own, on connections that never leave the
// process. Its only client is the relay, which has checked, routed and limited every request; nothing is limited here.

import type { Http2Server, ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { LimitsConfig } from '../config/config.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';
import { memoryPair } from '../transport/memory-pair.ts';
import type { Guard } from './attempt.ts';
import type { EndpointPool } from './endpoint-pool.ts';
import { InProcessRequest } from './in-process-request.ts';

const MOST_STREAMS = 1000;
const STREAM_WINDOW_BYTES = 262_144;
/** Node counts what streams hold in these; every stream may hold two windows. */
const MOST_MEMORY_MEGABYTES = 1024;
/** The relay passes on every reset of its clients, whose floods it has counted. */
const NO_LIMIT = 4_294_967_295;

export class InProcessServer {
  readonly #pool: EndpointPool;
  readonly #limits: LimitsConfig;
  #server: Http2Server | undefined = undefined;

  constructor(pool: EndpointPool, limits: LimitsConfig) {
    this.#pool = pool;
    this.#limits = limits;
  }

  connect(): Duplex {
    this.#server ??= this.#create();
    const [near, far] = memoryPair();
    // Told by 'close' too, which both ends act on.
    near.on('error', ignore);
    far.on('error', ignore);
    this.#server.emit('connection', far);
    return near;
  }

  #create(): Http2Server {
    // Loaded with the first request that needs it.
    const { createServer } = process.getBuiltinModule('node:http2');
    const { headerListBytes, headerFields } = this.#limits;
    const server = createServer({
      settings: {
        enableConnectProtocol: true,
        maxConcurrentStreams: MOST_STREAMS,
        initialWindowSize: STREAM_WINDOW_BYTES,
        // The fields that describe the client are added to what the client was allowed.
        maxHeaderListSize: headerListBytes * 2,
      },
      maxHeaderListPairs: headerFields * 2,
      maxSendHeaderBlockLength: NO_LIMIT,
      maxSessionMemory: MOST_MEMORY_MEGABYTES,
      streamResetBurst: NO_LIMIT,
      streamResetRate: NO_LIMIT,
      // What Node finds fault with costs the stream; the connection has those of other clients.
      maxSessionInvalidFrames: NO_LIMIT,
      maxSessionRejectedStreams: NO_LIMIT,
      // A service that repeats a field is passed on as it is.
      strictSingleValueFields: false,
      strictFieldWhitespaceValidation: false,
    });
    server.on('sessionError', ignore);
    server.on('stream', (stream: ServerHttp2Stream, _headers, _flags, raw: readonly string[]) => {
      stream.on('error', ignore);
      this.#begin(stream, raw);
    });
    return server;
  }

  /** Whatever is thrown about this stream, now or by one of its listeners, ends it and no other. */
  #begin(stream: ServerHttp2Stream, raw: readonly string[]): void {
    // Reset in the same segment that brought it.
    if (stream.destroyed || stream.closed) return;
    const { containment } = this.#pool.endpoints[0];
    const end = (): void => {
      stream.destroy(new Error('internal_error'));
    };
    const guard: Guard = (listener) => containment.guard(end, listener);
    containment.run(end, () => {
      new InProcessRequest(stream, listOf(raw), this.#pool, guard).start();
    });
  }
}

function listOf(raw: readonly string[]): HeaderList {
  const list = new HeaderList();
  for (let index = 0; index < raw.length; index += 2) list.add(raw[index], raw[index + 1]);
  return list;
}

function ignore(): void {
  // The end of a stream or of a connection is told by its 'close'.
}
