// Clients that share a limit of responses: what one of them has no window for is not taken from the others.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Stream, connect, createServer, type SessionOptions } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { type ProxyUnderTest, startProxy } from '../support/proxy-under-test.ts';
import { grpcMessage } from '../support/raw-frames.ts';

const BURST = 20_000;
const REPLY = grpcMessage(Buffer.alloc(BURST - 5));

/** Answers each call with all bytes that the limit has. */
async function startService(t: TestContext): Promise<string> {
  const server = createServer();
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(REPLY);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const bound = server.address();
  assert.ok(bound !== null && typeof bound === 'object');
  return `127.0.0.1:${bound.port}`;
}

function call(t: TestContext, proxy: ProxyUnderTest, options: SessionOptions = {}): ClientHttp2Stream {
  const session = connect(`http://127.0.0.1:${proxy.port('clear')}`, options);
  session.on('error', () => undefined);
  t.after(() => session.destroy());
  const fields = { ':method': 'POST', ':path': '/a.B/C', 'content-type': 'application/grpc', te: 'trailers' };
  const stream = session.request(fields);
  stream.on('error', () => undefined);
  stream.end();
  return stream;
}

for (const exceed of ['slow', 'end']) {
  test(`a client without a window takes nothing of a limit of bytes that it shares (exceed: ${exceed})`, async (t) => {
    const limits = [
      { count: 'bytes', direction: 'response', rate: '1/h', burst: BURST, by: ['route'], exceed },
    ];
    const routes = [{ name: 'all', match: { path: '/*' }, upstream: 'voice', limits }];
    const proxy = await startProxy(t, { endpoints: [await startService(t)], sections: { routes } });
    const silent = call(t, proxy, { settings: { initialWindowSize: 0 } });
    await eventually('the whole response waits for the client', async () => {
      const { exchanges } = await proxy.plane.exchanges({ sort: 'age', limit: 10 });
      return exchanges.find(({ state }) => state === 'response_ended');
    });
    const reader = call(t, proxy);
    let bytes = 0;
    let grpcStatus: unknown;
    reader.on('data', (piece: Buffer) => (bytes += piece.length));
    reader.on('trailers', (fields) => (grpcStatus = fields['grpc-status']));
    await once(reader, 'close');
    assert.deepEqual([bytes, grpcStatus], [REPLY.length, '0']);
    silent.close();
  });
}
