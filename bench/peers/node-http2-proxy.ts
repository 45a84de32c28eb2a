// Child program: node node-http2-proxy.ts PORT SERVICE_PORT CERTIFICATE KEY [ACCESS_LOG]. A typical proxy with node:http2 alone: it
// pipes each client's stream to a stream of the service and back, forwards trailers, and uses one session to the service. It has no
// routes, checks or limits.

import { createWriteStream, readFileSync } from 'node:fs';
import {
  connect,
  constants,
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';

const [port, servicePort, certificateFile, keyFile, accessLogFile] = process.argv.slice(2);
/** In megabytes. With the default of 10, streams are refused when thousands share a session. */
const maxSessionMemory = 1000;

const accessLog = accessLogFile === undefined ? undefined : createWriteStream(accessLogFile);
const service = connect(`http://127.0.0.1:${servicePort}`, { maxSessionMemory });
// Without the service this process has nothing to do.
service.on('error', () => process.exit(1));

const server = createSecureServer({
  cert: readFileSync(certificateFile),
  key: readFileSync(keyFile),
  maxSessionMemory,
  settings: { maxConcurrentStreams: 10_000 },
});
server.on('stream', relay);
server.on('sessionError', () => {});
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 });
process.once('SIGTERM', () => process.exit(0));

function relay(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const startedMs = Date.now();
  const request = service.request(headers);
  let trailers: IncomingHttpHeaders = {};
  let status: number | undefined;
  request.on('response', (response) => {
    status = response[':status'];
    if (!stream.destroyed) stream.respond(response, { waitForTrailers: true });
  });
  request.on('trailers', (received: IncomingHttpHeaders) => (trailers = received));
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.on('error', () => request.close(constants.NGHTTP2_CANCEL));
  request.on('error', () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
  stream.on('close', () => {
    if (!request.closed) request.close(constants.NGHTTP2_CANCEL);
    accessLog?.write(
      `${new Date().toISOString()} ${headers[':method']} ${headers[':path']} ${status} ${Date.now() - startedMs}\n`,
    );
  });
  stream.pipe(request);
  request.pipe(stream);
}
