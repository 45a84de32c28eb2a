// Child program: node idle-client.ts PORT CONNECTIONS STREAMS. Connects and makes calls on every connection, says
// so to the parent; opens the streams when told 'open', says so once all are answered, and holds them until it is ended.

import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { GRPC_REQUEST_HEADERS } from './request-headers.ts';

const [port, connections, streamsPerConnection] = process.argv.slice(2).map(Number);

function fail(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}

function request(session: ClientHttp2Session, method: string, endStream: boolean): ClientHttp2Stream {
  const stream = session.request(
    { ':method': 'POST', ':path': `/voice.VoiceAssistant/${method}`, ...GRPC_REQUEST_HEADERS },
    { endStream },
  );
  stream.on('error', (error) => fail(`${method}: ${error.message}`));
  return stream;
}

async function callOnce(session: ClientHttp2Session): Promise<void> {
  const stream = request(session, 'Say', true);
  await new Promise<void>((resolve) => stream.once('end', resolve).resume());
}

async function openStream(session: ClientHttp2Session): Promise<void> {
  const stream = request(session, 'StreamAudio', false);
  stream.once('response', (headers) => {
    if (headers[':status'] !== 200) fail(`HTTP status ${headers[':status']}`);
    // A gRPC error made by a proxy is a 200 that ends at once.
    if (headers['grpc-status'] !== undefined) fail(`grpc-status ${String(headers['grpc-status'])}`);
  });
  stream.once('end', () => fail('a stream was ended that should have stayed open'));
  await new Promise<void>((resolve) => stream.once('data', () => resolve()));
}

const sessions: ClientHttp2Session[] = [];
for (let index = 0; index < connections; index++) {
  const session = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  session.on('error', (error) => fail(`connection: ${error.message}`));
  session.on('close', () => fail('a connection was closed'));
  // One after another, as many as streams are opened later: what a connection touches of its own buffers is then in
  // the baseline, and what is measured is what holding streams open costs.
  for (let call = 0; call < streamsPerConnection; call++) await callOnce(session);
  sessions.push(session);
}
process.send?.('connected');
process.once('message', () => {
  const opened = sessions.flatMap((session) =>
    Array.from({ length: streamsPerConnection }, () => openStream(session)),
  );
  void Promise.all(opened).then(() => process.send?.('opened'));
});
process.on('disconnect', () => process.exit(0));
