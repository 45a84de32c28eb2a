// A real gRPC service (grpc-js, which takes for gRPC all that begins with application/grpc) behind limits that are kept for gRPC calls: no
// content-type lets a client escape them.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as http1Request, type IncomingMessage } from 'node:http';
import { connect } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { type handleBidiStreamingCall, Server, ServerCredentials } from '../../src/demo/grpc.ts';
import { type ProxyUnderTest, startProxy } from '../support/proxy-under-test.ts';
import { connectRawClient } from '../support/raw-client.ts';
import { grpcMessage } from '../support/raw-frames.ts';

const PATH = '/a.B/M';

interface Service {
  readonly address: string;
  /** The sizes of the messages that have come. */
  readonly sizes: number[];
  /** How long each call could last when it came, in milliseconds; Infinity without a deadline. */
  readonly deadlinesMs: number[];
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

async function startService(t: TestContext): Promise<Service> {
  const server = new Server();
  const sizes: number[] = [];
  const deadlinesMs: number[] = [];
  const method = {
    path: PATH,
    requestStream: true,
    responseStream: true,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  const answer: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
    deadlinesMs.push(Number(call.getDeadline()) - Date.now());
    call.on('error', () => undefined);
    call.on('data', (message: Buffer) => {
      sizes.push(message.length);
      call.write(Buffer.alloc(message.length));
    });
    call.on('end', () => call.end());
  };
  server.addService({ M: method }, { M: answer });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  t.after(() => server.forceShutdown());
  return { address: `127.0.0.1:${port}`, sizes, deadlinesMs };
}

async function start(t: TestContext, route: object): Promise<{ proxy: ProxyUnderTest; service: Service }> {
  const service = await startService(t);
  const routes = [{ name: 'all', match: { path: '/*' }, upstream: 'voice', ...route }];
  const proxy = await startProxy(t, { endpoints: [service.address], sections: { routes } });
  return { proxy, service };
}

interface Answer {
  readonly httpStatus: number;
  readonly grpcStatus: string | undefined;
  readonly text: string;
}

/** Sends so many messages, of 5000 bytes each. */
async function post(
  t: TestContext,
  proxy: ProxyUnderTest,
  fields: Readonly<Record<string, string>>,
  messages = 3,
): Promise<Answer> {
  const session = connect(`http://127.0.0.1:${proxy.port('clear')}`);
  session.on('error', () => undefined);
  t.after(() => session.destroy());
  const stream = session.request({ ':method': 'POST', ':path': PATH, te: 'trailers', ...fields });
  stream.on('error', () => undefined);
  const pieces: Buffer[] = [];
  let grpcStatus: string | undefined;
  let httpStatus = 0;
  const note = (found: Readonly<Record<string, unknown>>): void => {
    httpStatus = Number(found[':status'] ?? httpStatus);
    if (typeof found['grpc-status'] === 'string') grpcStatus = found['grpc-status'];
  };
  stream.on('response', note);
  stream.on('trailers', note);
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  for (let sent = 0; sent < messages; sent++) stream.write(grpcMessage(Buffer.alloc(5000)));
  stream.end();
  await once(stream, 'close');
  session.destroy();
  return { httpStatus, grpcStatus, text: Buffer.concat(pieces).toString('latin1') };
}

const TYPES: readonly Readonly<Record<string, string>>[] = [
  'application/grpcx',
  'application/grpc,x',
  'application/grpc-web',
  'application/grpc-web-text',
  'text/plain',
  'application/json',
  undefined,
].map((value): Readonly<Record<string, string>> => (value === undefined ? {} : { 'content-type': value }));

for (const limit of [
  { messageSize: 100 },
  { messageSize: 100, direction: 'response' },
  { count: 'messages', rate: '1/h', burst: 1, by: ['client'], exceed: 'end' },
  { count: 'messages', direction: 'response', rate: '1/h', burst: 1, by: ['route'] },
]) {
  test(`no content-type escapes ${JSON.stringify(limit)}`, async (t) => {
    const { proxy, service } = await start(t, { limits: [limit] });
    for (const fields of TYPES) {
      const { httpStatus, text } = await post(t, proxy, fields);
      assert.equal(httpStatus, 415, JSON.stringify(fields));
      assert.match(text, /application\/grpc.* \(FG3049\)\n$/);
      // What is limited is not told to strangers.
      assert.doesNotMatch(text, /limit|bodySize/);
    }
    assert.deepEqual(service.sizes, []);
    const { reason } = await proxy.record(({ httpStatus }) => httpStatus === 415);
    assert.match(reason, /^content_type_refused: /);
  });
}

test('a gRPC call in any spelling is held to the limits', async (t) => {
  const { proxy, service } = await start(t, { limits: [{ messageSize: 100 }] });
  for (const type of ['application/grpc', 'application/grpc+proto', 'application/grpc;charset=utf-8'])
    assert.equal((await post(t, proxy, { 'content-type': type })).grpcStatus, '8', type);
  assert.deepEqual(service.sizes, []);
});

test('a request that is not gRPC passes where bodySize says so, up to that size', async (t) => {
  const { proxy, service } = await start(t, { limits: [{ messageSize: '1MiB' }, { bodySize: '12KiB' }] });
  const { httpStatus } = await post(t, proxy, { 'content-type': 'application/grpc-web' }, 2);
  assert.equal(httpStatus, 200);
  assert.deepEqual(service.sizes, [5000, 5000]);
  assert.equal((await post(t, proxy, { 'content-type': 'application/grpc-web' }, 3)).httpStatus, 413);
});

test('what only begins like gRPC is refused without limits, too, and the rest passes', async (t) => {
  const { proxy, service } = await start(t, {});
  assert.equal((await post(t, proxy, { 'content-type': 'application/grpcx' })).httpStatus, 415);
  assert.deepEqual(service.sizes, []);
  assert.equal((await post(t, proxy, { 'content-type': 'application/grpc-web' })).httpStatus, 200);
  assert.deepEqual(service.sizes, [5000, 5000, 5000]);
});

test('a service is told no longer deadline than maxDeadline, whatever the content-type', async (t) => {
  const { proxy, service } = await start(t, { timeouts: { maxDeadline: '20s' } });
  for (const type of ['application/grpc', 'application/grpc-web']) {
    await post(t, proxy, { 'content-type': type, 'grpc-timeout': '100S' });
    const toldMs = service.deadlinesMs.at(-1) ?? 0;
    assert.ok(toldMs > 0 && toldMs <= 20_000, `${type}: ${toldMs}`);
  }
});

const SEVERAL: readonly (readonly string[])[] = [
  ['text/plain', 'application/grpc'],
  ['application/grpc-web', 'application/grpc'],
  ['', 'application/grpc'],
  ['application/grpc', 'text/plain'],
  ['application/grpc', 'application/grpc'],
];

test('a request with several content-types reaches no service, whichever comes first', async (t) => {
  const { proxy, service } = await start(t, { limits: [{ messageSize: 100 }, { bodySize: '1MiB' }] });
  const client = await connectRawClient({ port: proxy.port('clear') });
  t.after(() => client.destroy());
  // What was decided about one field with the same text does not count for two.
  await post(t, proxy, { 'content-type': 'text/plain, application/grpc' }, 0);
  const deadlines = service.deadlinesMs.length;
  for (const types of SEVERAL) {
    const fields = types.map((type) => ['content-type', type] as const);
    const {
      headers,
      content,
      grpcStatus,
      grpcMessage: message,
    } = await client.outcome(client.call({ path: PATH, fields, body: grpcMessage(Buffer.alloc(5000)) }));
    const isGrpc = types[0] === 'application/grpc';
    const status = headers.find(([name]) => name === ':status')?.[1];
    assert.deepEqual([status, grpcStatus], isGrpc ? ['200', '13'] : ['415', undefined], types.join());
    assert.match(isGrpc ? message : content.toString(), /more than one content-type.* \(FG3049\)/);
  }
  assert.deepEqual([service.sizes, service.deadlinesMs.length], [[], deadlines]);
});

test('what was decided about calls with one content-type does not count for several on the same connection', async (t) => {
  const { proxy, service } = await start(t, {});
  const client = await connectRawClient({ port: proxy.port('clear') });
  t.after(() => client.destroy());
  const type = ['content-type', 'application/grpc'] as const;
  const call = (...fields: readonly (readonly [string, string])[]) =>
    client.outcome(client.call({ path: PATH, fields, body: grpcMessage(Buffer.alloc(5000)) }));
  for (const more of ['text/plain', 'application/grpc']) {
    const { grpcStatus } = await call(type);
    assert.equal(grpcStatus, '0');
    const served = service.deadlinesMs.length;
    const refused = await call(type, ['content-type', more]);
    assert.match(refused.grpcMessage, /more than one content-type.* \(FG3049\)/);
    assert.equal(service.deadlinesMs.length, served);
  }
});

test('a request with several content-types reaches no service over HTTP/1.1', async (t) => {
  const { proxy, service } = await start(t, {});
  for (const types of SEVERAL) {
    const headers = ['host', 'a', ...types.flatMap((type) => ['content-type', type])];
    const request = http1Request({ port: proxy.port('clear'), method: 'POST', path: PATH, headers });
    request.end(grpcMessage(Buffer.alloc(5000)));
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve);
      request.once('error', reject);
    });
    response.resume();
    const expected = types[0] === 'application/grpc' ? 505 : 415;
    assert.equal(response.statusCode, expected, types.join());
  }
  assert.deepEqual(service.deadlinesMs, []);
});
