// A service of plaintext HTTP/2: plain requests below /plain/, and gRPC answers whose status, message and details are
// what the call's own metadata ask for. The demo service can send no grpc-status-details-bin; this one can.

import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';

export interface PlainService {
  readonly port: number;
  close(): void;
}

export async function startPlainService(): Promise<PlainService> {
  const server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    if (headers['content-type']?.startsWith('application/grpc') === true) answerCall(stream, headers);
    else answerPlain(stream, headers);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the plain service got no port');
  const close = () => {
    server.close();
    for (const session of sessions) session.destroy();
  };
  return { port: address.port, close };
}

function answerPlain(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  if (headers[':path'] === '/plain/missing') {
    stream.respond({ ':status': 404, 'content-type': 'text/plain' });
    stream.end('nothing here');
    return;
  }
  stream.respond({
    ':status': 200,
    'content-type': headers['content-type'] ?? 'application/octet-stream',
    'x-method': String(headers[':method']),
    'x-query': String(headers[':path']).split('?')[1] ?? '',
  });
  stream.pipe(stream);
}

/** Trailers only, or one empty message and then the trailers where x-after-message is given. */
function answerCall(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const status = {
    'grpc-status': headers['x-status'] ?? '0',
    'grpc-message': headers['x-message'] ?? '',
    'grpc-status-details-bin': headers['x-details'] ?? '',
  };
  const head = { ':status': 200, 'content-type': 'application/grpc+proto' };
  stream.resume();
  if (headers['x-after-message'] === undefined) {
    stream.respond({ ...head, ...status }, { endStream: true });
    return;
  }
  stream.respond(head, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(status));
  stream.end(Buffer.alloc(5));
}
