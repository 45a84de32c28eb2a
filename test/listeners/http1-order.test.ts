// One connection of HTTP/1.1 that is asked many things at once: every answer comes in its turn, whole, and what is refused is
// refused behind the answers before it.

import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { testCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { handshake, listen, readToEnd, send } from './listener-under-test.ts';

const certificate = await testCertificate('localhost', '127.0.0.1');
const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
const WEBSOCKET =
  'GET /chat HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';

interface Answer {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What came of the body. */
  body: string;
}

/** A listener whose requests are answered by the test. */
async function open(context: TestContext, isTls = false) {
  const { handler, port } = await listen(context, isTls ? { certificates: [certificate] } : {});
  const asked: Answer[] = [];
  handler.respond = (request, response) => {
    const answer: Answer = { request, response, body: '' };
    asked.push(answer);
    request.on('data', (chunk: Buffer) => {
      answer.body += chunk.toString('latin1');
    });
  };
  const connect = async (bytes: string): Promise<Socket> => {
    if (!isTls) return send(port, bytes);
    const socket = await handshake(port, {
      ca: certificate.caPem,
      servername: 'localhost',
      ALPNProtocols: ['http/1.1'],
    });
    socket.write(bytes);
    return socket;
  };
  const count = (wanted: number): Promise<readonly Answer[]> =>
    eventually(`${wanted} requests`, () => (asked.length >= wanted ? asked : undefined));
  return { handler, asked, connect, count };
}

/** Status lines and bodies, without the fields. */
function withoutFields(text: string): string {
  return text.replaceAll(/(HTTP\/1\.1 \d+)[^\r]*\r\n(?:[^\r]+\r\n)*\r\n/g, '[$1]');
}

const REFUSED: Readonly<Record<string, readonly [bytes: string, status: number, token: string]>> = {
  CONNECT: ['CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n', 501, 'http1_connect'],
  garbage: ['nonsense\r\n\r\n', 400, 'http1_malformed'],
  'a bad field': ['GET / HTTP/1.1\r\nno colon\r\n\r\n', 400, 'http1_malformed'],
  'too many header fields': [
    `GET / HTTP/1.1\r\nx: ${'a'.repeat(17_000)}\r\n\r\n`,
    431,
    'http1_header_too_large',
  ],
  'the preface of HTTP/2': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'tls_without_h2'],
};

for (const [name, [bytes, status, token]] of Object.entries(REFUSED)) {
  test(`${name} behind a response under way is refused behind it, and not inside`, async (context) => {
    const { connect, count, handler } = await open(context);
    const client = await connect(GET);
    const [first] = await count(1);
    first.response.writeHead(200, { 'content-length': 10 });
    first.response.write('begun');
    const read = readToEnd(client);
    client.write(bytes);
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
    first.response.end('ended');
    assert.match(
      withoutFields(await read),
      new RegExp(`^\\[HTTP/1\\.1 200\\]begunended\\[HTTP/1\\.1 ${status}\\](?:Th|A )`),
    );
    assert.equal((await handler.refusals.next()).token, token);
    assert.deepEqual(handler.faults.all, []);
  });

  test(`${name} behind requests that wait for their answers is refused behind those`, async (context) => {
    const { connect, count } = await open(context);
    const client = await connect(`${GET}${GET}${bytes}`);
    const asked = await count(2);
    const read = readToEnd(client);
    asked[1].response.end('second');
    asked[0].response.end('first');
    assert.match(
      withoutFields(await read),
      new RegExp(`^\\[HTTP/1\\.1 200\\]first\\[HTTP/1\\.1 200\\]second\\[HTTP/1\\.1 ${status}\\]`),
    );
  });
}

test('a header that is not finished in time behind a response under way does not end that', async (context) => {
  const { handler, port } = await listen(context, { timeouts: { http1HeadersMs: 50 } });
  let finish: (() => void) | undefined;
  handler.respond = (_request, response) => {
    response.writeHead(200, { 'content-length': 10 });
    response.write('begun');
    finish = () => response.end('ended');
  };
  const client = send(port, `${GET}GET / HT`);
  const read = readToEnd(client);
  await handler.http1.next();
  await new Promise((resolve) => {
    setTimeout(resolve, 300);
  });
  finish?.();
  assert.match(withoutFields(await read), /^\[HTTP\/1\.1 200\]begunended\[HTTP\/1\.1 408\]/);
});

for (const isTls of [false, true]) {
  test(`a WebSocket behind requests without an answer begins when they have theirs${isTls ? ', in TLS' : ''}`, async (context) => {
    const { connect, count, handler } = await open(context, isTls);
    const client = await connect(`${GET}${GET}${WEBSOCKET}frame`);
    const asked = await count(2);
    assert.equal(handler.upgrades.all.length, 0);
    let text = '';
    client.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    client.write('another');
    asked[0].response.end('first');
    // More than a socket takes at once: what is left is written when Node's own listeners are gone.
    const large = Buffer.alloc(4_000_000, 'x');
    asked[1].response.writeHead(200, { 'content-length': 2 * large.length });
    let isDrained = false;
    asked[1].response.once('drain', () => {
      isDrained = true;
      asked[1].response.end(large);
    });
    asked[1].response.write(large);
    const { socket, head, request } = await handler.upgrades.next();
    assert.ok(isDrained);
    assert.equal(request.url, '/chat');
    let frames = head.toString();
    socket.on('data', (chunk: Buffer) => {
      frames += chunk.toString();
    });
    socket.resume();
    socket.write('joined');
    client.write('!');
    await eventually('the frames', () => frames === 'frameanother!');
    await eventually('the answers', () => text.endsWith('xjoined'));
    assert.deepEqual(handler.faults.all, []);
  });
}

test('a client that leaves while its WebSocket waits takes all its requests with it', async (context) => {
  const { connect, count, handler } = await open(context);
  const client = await connect(`${GET}${GET}${WEBSOCKET}`);
  const asked = await count(2);
  const closes = asked.map(({ response }) => new Promise((resolve) => response.once('close', resolve)));
  client.destroy();
  await Promise.all(closes);
  assert.equal(handler.upgrades.all.length, 0);
});

const IGNORED = ['h2c', 'foo', 'TLS/1.0, HTTP/1.1', 'websocket'] as const;

for (const upgrade of IGNORED) {
  test(`what follows a request whose offer of ${upgrade} is ignored is read as what it is`, async (context) => {
    const { asked, connect, count, handler } = await open(context);
    const offer = `host: a\r\nconnection: Upgrade, X-Hop\r\nupgrade: ${upgrade}\r\n`;
    const client = await connect(
      `POST /one HTTP/1.1\r\n${offer}content-length: 40\r\n\r\nGET /hidden HTTP/1.1\r\n`,
    );
    const answer = async (index: number): Promise<void> => {
      const { request, response } = (await count(index + 1))[index];
      await eventually('the end of the body', () => request.readableEnded);
      response.end(`${request.method} ${request.url} ${asked[index].body}.`);
    };
    await count(1);
    // The rest of the body in a segment of its own, and a request behind it in the same.
    client.write(
      `host: smuggled\r\n\r\nPOST /two HTTP/1.1\r\n${offer}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n`,
    );
    await answer(0);
    await count(2);
    client.write(
      `0\r\n\r\nPUT /three HTTP/1.1\r\n${offer}\r\nGET /four HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`,
    );
    for (const index of [1, 2, 3]) await answer(index);
    assert.equal(
      withoutFields(await readToEnd(client)),
      [
        '[HTTP/1.1 200]POST /one GET /hidden HTTP/1.1\r\nhost: smuggled\r\n\r\n.',
        '[HTTP/1.1 200]POST /two hello.',
        '[HTTP/1.1 200]PUT /three .',
        '[HTTP/1.1 200]GET /four .',
      ].join(''),
    );
    const { rawHeaders } = asked[0].request;
    assert.deepEqual(rawHeaders, ['host', 'a', 'connection', 'X-Hop', 'content-length', '40']);
    assert.equal(handler.upgrades.all.length, 0);
  });
}

test('an offer of HTTP/1.0 to upgrade is ignored, and so is one with a body', async (context) => {
  const { connect, count, handler } = await open(context);
  const old = await connect(WEBSOCKET.replace('HTTP/1.1', 'HTTP/1.0'));
  const withBody = await connect(WEBSOCKET.replace('host: a', 'host: a\r\ncontent-length: 2').concat('ok'));
  const asked = await count(2);
  await eventually('the body', () => asked.some(({ body }) => body === 'ok'));
  for (const { response } of asked) response.end();
  old.destroy();
  withBody.destroy();
  assert.equal(handler.upgrades.all.length, 0);
});

test('requests that Node would answer by itself come up like any other', async (context) => {
  const { connect, count, asked } = await open(context);
  const requests = [
    'GET / HTTP/1.1\r\n\r\n',
    'GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n',
    'POST / HTTP/1.1\r\nhost: a\r\nexpect: x\r\ncontent-length: 0\r\n\r\n',
    'POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 0\r\nconnection: close\r\n\r\n',
  ];
  const client = await connect(requests.join(''));
  await count(requests.length);
  for (const { response } of asked) response.end('ours');
  assert.equal(withoutFields(await readToEnd(client)), '[HTTP/1.1 200]ours'.repeat(requests.length));
});

test('a body that cannot be read is answered in its turn, and its request given up at once', async (context) => {
  const { connect, count, handler } = await open(context);
  const client = await connect(
    `${GET}POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`,
  );
  const asked = await count(2);
  const gone = new Promise((resolve) => asked[1].response.once('close', resolve));
  asked[0].response.end('first');
  await gone;
  assert.match(withoutFields(await readToEnd(client)), /^\[HTTP\/1\.1 200\]first\[HTTP\/1\.1 400\]/);
  assert.equal((await handler.refusals.next()).token, 'http1_malformed');
});

test('a body that cannot be read, behind a response that closes the connection, is not answered', async (context) => {
  const { connect, count, handler } = await open(context, true);
  const client = await connect(
    `${GET}POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`,
  );
  const asked = await count(2);
  const gone = new Promise((resolve) => asked[1].request.once('close', resolve));
  asked[0].response.shouldKeepAlive = false;
  asked[0].response.end('first');
  assert.equal(withoutFields(await readToEnd(client)), '[HTTP/1.1 200]first');
  await gone;
  assert.deepEqual(handler.faults.all, []);
});

test('hundreds of requests in one segment, each with an offer that is ignored, are answered in their order', async (context) => {
  const { handler, port } = await listen(context);
  const offer = 'host: a\r\nconnection: upgrade\r\nupgrade: foo\r\n\r\n';
  const paths = Array.from({ length: 400 }, (_, index) => `/${index}`);
  const last = 'GET /last HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';
  const client = send(port, paths.map((path) => `GET ${path} HTTP/1.1\r\n${offer}`).join('') + last);
  const expected = [...paths, '/last'].map((path) => `[HTTP/1.1 200]GET ${path}`).join('');
  assert.equal(withoutFields(await readToEnd(client)), expected);
  assert.deepEqual(handler.faults.all, []);
});
