// Child program: a cleartext HTTP/2 service that answers /Say at once and leaves every other call open after
// headers and one small message. (nginx 1.22 holds response headers back on TLS until the first byte of data.) Sends its port to the parent; ends with it.

import { createServer } from 'node:http2';
import { makeMessage } from './payload.ts';

const greeting = makeMessage(64);
// In MB, per connection. The default of 10 refuses streams when a proxy puts thousands on one connection.
const server = createServer({ maxSessionMemory: 1000 });
server.on('stream', (stream, headers) => {
  stream.on('error', () => {});
  if (headers[':path']?.endsWith('/Say')) {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.resume();
    stream.end();
  } else {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.write(greeting);
    stream.resume();
  }
});
server.on('sessionError', () => {});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.send?.(address.port);
});
process.on('disconnect', () => process.exit(0));
