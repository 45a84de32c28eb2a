// Clients that share a limit of responses: what one of them has no window for is not taken from the others.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Stream, connect, createServer, type SessionOptions } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { type ProxyUnderTest, startProxy } from '../support/proxy-under-test.ts';
import { grpcMessage } from '../support/raw-frames.ts';

const BURST = 20_000;
/** All bytes that the limit has. */
const REPLY = grpcMessage(Buffer.alloc(BURST - 5));

async function startService(t: TestContext, reply: Buffer): Promise<string> {
  const server = createServer();
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(reply);
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

/** Starts a proxy with this limit, whose service gives every call this response. */
async function startLimited(
  t: TestContext,
  limit: Readonly<Record<string, unknown>>,
  reply: Buffer,
): Promise<ProxyUnderTest> {
  const routes = [{ name: 'all', match: { path: '/*' }, upstream: 'voice', limits: [limit] }];
  return startProxy(t, { endpoints: [await startService(t, reply)], sections: { routes } });
}

async function untilResponseWaits(proxy: ProxyUnderTest): Promise<void> {
  await eventually('the whole response waits for the client', async () => {
    const { exchanges } = await proxy.plane.exchanges({ sort: 'age', limit: 10 });
    return exchanges.find(({ state }) => state === 'response_ended');
  });
}

async function readAll(
  stream: ClientHttp2Stream,
): Promise<{ readonly content: Buffer; readonly grpcStatus: unknown }> {
  const pieces: Buffer[] = [];
  let grpcStatus: unknown;
  stream.on('data', (piece: Buffer) => void pieces.push(piece));
  stream.on('trailers', (fields) => (grpcStatus = fields['grpc-status']));
  await once(stream, 'close', { signal: AbortSignal.timeout(30_000) });
  return { content: Buffer.concat(pieces), grpcStatus };
}

for (const exceed of ['slow', 'end']) {
  const limit = { count: 'bytes', direction: 'response', rate: '1/h', burst: BURST, by: ['route'], exceed };

  test(`a client without a window takes nothing of a limit of bytes that it shares (exceed: ${exceed})`, async (t) => {
    const proxy = await startLimited(t, limit, REPLY);
    const silent = call(t, proxy, { settings: { initialWindowSize: 0 } });
    await untilResponseWaits(proxy);
    const { content, grpcStatus } = await readAll(call(t, proxy));
    assert.deepEqual([content.length, grpcStatus], [REPLY.length, '0']);
    silent.close();
  });

  test(`a client that opens its window late gets its limited response (exceed: ${exceed})`, async (t) => {
    const proxy = await startLimited(t, limit, REPLY);
    const late = call(t, proxy, { settings: { initialWindowSize: 0 } });
    await untilResponseWaits(proxy);
    const response = readAll(late);
    // First as much as passes, and then the rest.
    for (const initialWindowSize of [100, BURST]) late.session?.settings({ initialWindowSize });
    const { content, grpcStatus } = await response;
    assert.deepEqual([content.equals(REPLY), grpcStatus], [true, '0']);
  });
}

test('a client gets nothing of a message that is too large, and its status, however small its window is', async (t) => {
  const first = grpcMessage(Buffer.from('one'));
  const reply = Buffer.concat([first, grpcMessage(Buffer.alloc(100))]);
  const proxy = await startLimited(t, { messageSize: '3B', direction: 'response' }, reply);
  for (let initialWindowSize = first.length - 5; initialWindowSize <= first.length + 5; initialWindowSize++) {
    const { content, grpcStatus } = await readAll(call(t, proxy, { settings: { initialWindowSize } }));
    assert.deepEqual([content, grpcStatus], [first, '8'], `with a window of ${initialWindowSize} bytes`);
  }
});
