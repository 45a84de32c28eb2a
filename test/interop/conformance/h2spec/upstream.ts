// The service behind the proxy while h2spec tests its listeners: answers every request with a few bytes, by Node's own HTTP/2. It
// answers at the end of the request: before that, a stream could be over before h2spec sends the frame that must not come.

import { once } from 'node:events';
import { createServer } from 'node:http2';

export interface PlainUpstream {
  readonly port: number;
  close(): void;
}

/** Some cases open the window byte by byte and need several DATA frames of response. */
const body = 'what the upstream answers to every request\n';

export async function startPlainUpstream(): Promise<PlainUpstream> {
  const server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    // The cases break off in the middle of things.
    session.on('error', () => undefined);
  });
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.resume();
    stream.on('end', () => {
      if (stream.destroyed) return;
      stream.respond({ ':status': 200, 'content-type': 'text/plain' });
      stream.end(body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the upstream has no port');
  return {
    port: address.port,
    close: () => {
      server.close();
      for (const session of sessions) session.destroy();
    },
  };
}
