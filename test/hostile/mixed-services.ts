// The services of mixed traffic, in a process of their own: gRPC on node:http2 with 100 streams a connection, and HTTP/1.1
// with WebSockets on node:http. Nothing of this project is used here.

import { createHash } from 'node:crypto';
import { createServer as createHttp1Server, type IncomingMessage } from 'node:http';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

/** RFC 6455 section 1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const REPLY = Buffer.concat([Buffer.from([0, 0, 0, 0, 100]), Buffer.alloc(100, 0x61)]);

function serveGrpc(): Promise<number> {
  const server = createServer({ settings: { maxConcurrentStreams: 100 } });
  server.on('sessionError', () => undefined);
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => undefined);
    if (stream.destroyed) return;
    // The calls of who gives up after 10 ms: an answer would come too late.
    if (headers[':path'] === '/mixed.Service/Slow') return;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    if (headers[':path'] === '/mixed.Service/Stream') stream.pipe(stream);
    else {
      stream.resume();
      stream.on('end', () => stream.end(REPLY));
    }
  });
  return portOf(server);
}

function serveHttp1(): Promise<number> {
  const server = createHttp1Server((request, response) => {
    request.resume();
    request.on('end', () => response.end(REPLY));
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key'] ?? ''}${WEBSOCKET_GUID}`)
      .digest('base64');
    socket.on('error', () => undefined);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    // What passes through is not looked into: bytes come back as they went.
    socket.write(head);
    socket.pipe(socket);
  });
  return portOf(server);
}

function portOf(server: {
  listen(port: number, host: string, then: () => void): unknown;
  address(): AddressInfo | string | null;
}): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  server.listen(0, '127.0.0.1', () => {
    const bound = server.address();
    resolve(bound === null || typeof bound === 'string' ? 0 : bound.port);
  });
  return promise;
}

process.on('disconnect', () => process.exit());
process.send?.({ grpc: await serveGrpc(), http1: await serveHttp1() });
