// HTTP/2 requests that are not gRPC ride the relay too: method, body, status and fields pass as they are.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect,
  createServer,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { type TestContext, test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import {
  bothListeners,
  type ProxyUnderTest,
  startProxy,
  startRawUpstream,
} from '../support/proxy-under-test.ts';
import { startSocketServer } from '../support/raw-server.ts';

type Respond = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** An h2c server of Node's own; resolves to its address. */
async function startNodeServer(t: TestContext, respond: Respond): Promise<string> {
  const server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    respond(stream, headers);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const session of sessions) session.destroy();
  });
  const bound = server.address();
  assert.ok(bound !== null && typeof bound === 'object');
  return `127.0.0.1:${bound.port}`;
}

function connectNode(t: TestContext, proxy: ProxyUnderTest, listener: 'tls' | 'clear'): ClientHttp2Session {
  const scheme = listener === 'tls' ? 'https' : 'http';
  const session = connect(`${scheme}://localhost:${proxy.port(listener)}`, { ca: proxy.caPem });
  session.on('error', () => undefined);
  t.after(() => session.destroy());
  return session;
}

interface Answer {
  readonly headers: IncomingHttpHeaders & IncomingHttpStatusHeader;
  readonly interim: readonly number[];
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
}

async function request(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string,
): Promise<Answer> {
  const stream = session.request(headers, { endStream: body === undefined });
  const interim: number[] = [];
  let received: Answer['headers'] = {};
  let trailers: IncomingHttpHeaders = {};
  let text = '';
  stream.on('headers', (early) => interim.push(Number(early[':status'])));
  stream.on('response', (final) => {
    received = final;
  });
  stream.on('trailers', (fields) => {
    trailers = fields;
  });
  stream.setEncoding('utf8');
  stream.on('data', (piece: string) => {
    text += piece;
  });
  if (body !== undefined) stream.end(body);
  await once(stream, 'end');
  return { headers: received, interim, body: text, trailers };
}

for (const listener of bothListeners) {
  test(`a GET is relayed with its status, fields and body (${listener})`, async (t) => {
    let seen: IncomingHttpHeaders = {};
    const address = await startNodeServer(t, (stream, headers) => {
      seen = headers;
      stream.respond({ ':status': 418, 'content-type': 'text/plain', 'x-kind': ['tea', 'pot'] });
      stream.end('short and stout');
    });
    const proxy = await startProxy(t, { endpoints: [address] });
    const answer = await request(connectNode(t, proxy, listener), { ':path': '/tea?milk=no', 'x-cup': '1' });
    assert.equal(answer.headers[':status'], 418);
    assert.equal(answer.headers['content-type'], 'text/plain');
    assert.equal(answer.headers['x-kind'], 'tea, pot');
    assert.equal(answer.body, 'short and stout');
    assert.equal(seen[':method'], 'GET');
    assert.equal(seen[':path'], '/tea?milk=no');
    assert.equal(seen['x-cup'], '1');
    assert.equal(seen['x-forwarded-proto'], listener === 'tls' ? 'https' : 'http');
    assert.equal(seen['te'], undefined);
  });
}

test('a POST with a body and trailers on the answer are relayed', async (t) => {
  const address = await startNodeServer(t, (stream) => {
    let received = 0;
    stream.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    stream.on('end', () => {
      stream.respond({ ':status': 201 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-checksum': 'abc' }));
      stream.end(String(received));
    });
  });
  const proxy = await startProxy(t, { endpoints: [address] });
  const session = connectNode(t, proxy, 'tls');
  const answer = await request(session, { ':method': 'POST', ':path': '/upload' }, 'x'.repeat(300_000));
  assert.equal(answer.headers[':status'], 201);
  assert.equal(answer.body, '300000');
  assert.equal(answer.trailers['x-checksum'], 'abc');
});

test('HEAD and 204 have no body, and content-length stays', async (t) => {
  const address = await startNodeServer(t, (stream, headers) => {
    if (headers[':method'] === 'HEAD')
      stream.respond({ ':status': 200, 'content-length': 5 }, { endStream: true });
    else stream.respond({ ':status': 204 }, { endStream: true });
  });
  const proxy = await startProxy(t, { endpoints: [address] });
  const session = connectNode(t, proxy, 'tls');
  const head = await request(session, { ':method': 'HEAD', ':path': '/' });
  assert.equal(head.headers['content-length'], '5');
  assert.equal(head.body, '');
  assert.equal((await request(session, { ':method': 'DELETE', ':path': '/' })).headers[':status'], 204);
});

test('early hints (103) are passed on before the answer', async (t) => {
  const address = await startNodeServer(t, (stream) => {
    stream.additionalHeaders({ ':status': 103, link: '</style.css>; rel=preload' });
    stream.respond({ ':status': 200 });
    stream.end('page');
  });
  const proxy = await startProxy(t, { endpoints: [address] });
  const answer = await request(connectNode(t, proxy, 'tls'), { ':path': '/' });
  assert.deepEqual(answer.interim, [103]);
  assert.equal(answer.headers[':status'], 200);
  assert.equal(answer.body, 'page');
});

test('without a route the answer is 404 in text, and names the path', async (t) => {
  const proxy = await startProxy(t, {
    sections: { routes: [{ match: { path: '/known.Service/*' }, upstream: 'voice' }] },
  });
  const answer = await request(connectNode(t, proxy, 'tls'), { ':path': '/elsewhere' });
  assert.equal(answer.headers[':status'], 404);
  assert.match(String(answer.headers['content-type']), /^text\/plain/);
  assert.match(answer.body, /No route of listener "tls" matches \/elsewhere/);
  const record = await proxy.record();
  assert.equal(record.grpcStatus, '');
  assert.equal(record['httpStatus'], 404);
});

test('an upstream that is down answers 503 in text', async (t) => {
  const down = await startSocketServer(() => undefined);
  down.close();
  const proxy = await startProxy(t, { endpoints: [down.address] });
  const answer = await request(connectNode(t, proxy, 'tls'), { ':path': '/' });
  assert.equal(answer.headers[':status'], 503);
  assert.match(answer.body, /refused the connection/);
});

test('an upstream that dies in the middle of a body gives a reset, never a clean end', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: ({ peer, streamId }) => {
      peer.sendHeaders(streamId, [[':status', '200']]);
      peer.sendData(streamId, Buffer.from('half a '));
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  const streamId = client.call({ path: '/', fields: [['content-type', 'text/plain']] });
  await client.want('the beginning', (frame) => frame.streamId === streamId && frame.type === 0);
  upstream.peers[0].destroy();
  const outcome = await client.outcome(streamId);
  assert.equal(outcome.resetCode, ErrorCode.INTERNAL_ERROR);
  assert.equal(outcome.content.toString(), 'half a ');
});

test('CONNECT is answered with 501', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('tls');
  client.sendHeaders(1, [
    [':method', 'CONNECT'],
    [':authority', 'elsewhere.test:443'],
  ]);
  assert.deepEqual(new Map(await client.wantHeaders(1)).get(':status'), '501');
  assert.equal(upstream.requests.length, 0);
});
