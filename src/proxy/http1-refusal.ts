// What an HTTP/1.1 client gets as long as no route leads to an HTTP/1.1 service: a clear refusal.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { isGrpcContentType } from '../grpc/content-type.ts';

export function refuseHttp1(request: IncomingMessage, response: ServerResponse): void {
  const isGrpc = isGrpcContentType(request.headers['content-type']);
  const text = isGrpc
    ? 'gRPC needs HTTP/2, and this request came over HTTP/1.1. Over TLS the client must offer "h2" by ALPN; in the clear it must use HTTP/2 with prior knowledge. A proxy between client and server may have changed the protocol.\n'
    : 'This port serves gRPC over HTTP/2; HTTP/1.1 is not served here.\n';
  response.writeHead(505, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    connection: 'close',
  });
  response.end(text);
  // What the client still sends is not wanted.
  request.resume();
}
