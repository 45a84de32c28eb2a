// Services that speak HTTP/1.1 and fail: before their answer it is a 502 that says why, within it the client's response is
// visibly broken off, over HTTP/1.1 and HTTP/2, and the access log has one record of each.

import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { eventually } from '../support/eventually.ts';
import { type ProxyUnderTest, startProxy } from '../support/proxy-under-test.ts';
import { startSocketServer } from '../support/raw-server.ts';

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
  /** The response came to its end as HTTP knows it. */
  readonly isWhole: boolean;
}

function get(port: number, path: string, body?: string): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const method = body === undefined ? 'GET' : 'POST';
  const sent = httpRequest({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
    let text = '';
    response.on('data', (piece: Buffer) => {
      text += piece.toString();
    });
    response.on('error', () => undefined);
    response.on('close', () =>
      resolve({ status: response.statusCode, body: text, isWhole: response.complete }),
    );
  });
  sent.on('error', () => resolve({ status: undefined, body: '', isWhole: false }));
  sent.end(body);
  return promise;
}

async function behindProxy(
  t: TestContext,
  onSocket: (socket: Socket, served: number) => void,
): Promise<ProxyUnderTest> {
  let served = 0;
  const service = await startSocketServer((socket) => onSocket(socket, served++));
  t.after(() => service.close());
  return startProxy(t, {
    sections: { upstreams: { voice: { endpoints: [service.address], protocol: 'http1' } } },
  });
}

const CHUNKED =
  'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n';
const COUNTED = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\nhello';

interface Break {
  readonly does: string;
  readonly answer: string;
  readonly end: (socket: Socket) => void;
}

const WITHIN: readonly Break[] = [
  {
    does: 'resets its connection within a chunked body',
    answer: CHUNKED,
    end: (socket) => socket.resetAndDestroy(),
  },
  { does: 'closes within a chunked body', answer: CHUNKED, end: (socket) => socket.end() },
  {
    does: 'resets its connection within a counted body',
    answer: COUNTED,
    end: (socket) => socket.resetAndDestroy(),
  },
  { does: 'closes within a counted body', answer: COUNTED, end: (socket) => socket.end() },
  {
    does: 'sends a chunk that is no chunk',
    answer: CHUNKED,
    end: (socket) => socket.write('not a length\r\n'),
  },
];

/** Answers with the beginning, and ends when that has been seen. */
function breaking({ answer }: Break, sockets: Socket[]): (socket: Socket) => void {
  return (socket) => {
    socket.once('data', () => {
      socket.write(answer);
      sockets.push(socket);
    });
  };
}

for (const broken of WITHIN) {
  test(`a service that ${broken.does} is never taken for one that has finished, by an HTTP/1.1 client`, async (t) => {
    const sockets: Socket[] = [];
    const proxy = await behindProxy(t, breaking(broken, sockets));
    const { promise, resolve } = Promise.withResolvers<{ text: string; isWhole: boolean }>();
    const sent = httpRequest(
      { host: '127.0.0.1', port: proxy.port('clear'), path: '/file', agent: false },
      (response) => {
        let text = '';
        response.on('data', (piece: Buffer) => {
          text += piece.toString();
          if (text === 'hello') for (const socket of sockets) broken.end(socket);
        });
        response.on('error', () => undefined);
        response.on('close', () => resolve({ text, isWhole: response.complete }));
      },
    );
    sent.end();
    assert.deepEqual(await promise, { text: 'hello', isWhole: false });
    const record = await proxy.record();
    assert.equal(record['httpStatus'], 200);
    assert.notEqual(record.reason, '', 'the record says what was wrong');
    assert.equal((await proxy.wantRecords(1)).length, 1);
  });

  test(`a service that ${broken.does} is a reset for an HTTP/2 client, behind what had come`, async (t) => {
    const sockets: Socket[] = [];
    const proxy = await behindProxy(t, breaking(broken, sockets));
    const client = await proxy.rawClient('clear');
    const call = client.call({
      path: '/file',
      fields: [
        [':method', 'GET'],
        ['content-type', 'text/plain'],
      ],
    });
    await eventually('the beginning is here', () => client.contentOf(call).toString() === 'hello');
    for (const socket of sockets) broken.end(socket);
    const outcome = await client.outcome(call);
    assert.equal(outcome.content.toString(), 'hello');
    assert.equal(outcome.resetCode, ErrorCode.INTERNAL_ERROR);
    assert.notEqual((await proxy.record()).reason, '');
  });
}

const BEFORE: readonly (readonly [does: string, serve: (socket: Socket) => void])[] = [
  [
    'resets its connection before it answers',
    (socket) => socket.once('data', () => socket.resetAndDestroy()),
  ],
  ['closes before it answers', (socket) => socket.once('data', () => socket.end())],
  [
    'answers with half a head',
    (socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-ty')),
  ],
  [
    'answers with something else',
    (socket) => socket.once('data', () => socket.end('220 mail.example.com\r\n')),
  ],
];

for (const [does, serve] of BEFORE) {
  test(`a service that ${does} gives 502 with a reason to both kinds of clients`, async (t) => {
    const proxy = await behindProxy(t, serve);
    const answer = await get(proxy.port('clear'), '/file', 'a body that cannot be sent twice');
    assert.equal(answer.status, 502, answer.body);
    assert.equal(answer.isWhole, true);
    assert.ok(answer.body.length > 20, 'it says why');
    const client = await proxy.rawClient('clear');
    const call = client.call({
      path: '/file',
      fields: [['content-type', 'text/plain']],
      body: Buffer.from('abc'),
    });
    const outcome = await client.outcome(call);
    assert.equal(new Map(outcome.headers).get(':status'), '502');
    const records = await proxy.wantRecords(2);
    for (const record of records) {
      assert.equal(record['httpStatus'], 502);
      assert.match(record.reason, /^upstream_/);
    }
  });
}

test('a service that is down gives 503 or 502 at once, and is used as soon as it is back', async (t) => {
  const away = await startSocketServer(() => undefined);
  away.close();
  const proxy = await startProxy(t, {
    sections: { upstreams: { voice: { endpoints: [away.address], protocol: 'http1' } } },
  });
  const answer = await get(proxy.port('clear'), '/file');
  assert.match(String(answer.status), /^50[23]$/);
  assert.match(answer.body, new RegExp(`${away.address} refused the connection`));
  const back = await startSocketServer((socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'));
  }, away.port);
  t.after(() => back.close());
  await eventually('requests succeed', async () => (await get(proxy.port('clear'), '/file')).body === 'ok');
});

test('a client that goes away within a response has its request to the service broken off', async (t) => {
  let closed = 0;
  const proxy = await behindProxy(t, (socket) => {
    socket.once('data', () => socket.write(CHUNKED));
    socket.on('close', () => closed++);
  });
  const sent = httpRequest(
    { host: '127.0.0.1', port: proxy.port('clear'), path: '/file', agent: false },
    (response) => {
      response.on('error', () => undefined);
      response.once('data', () => sent.destroy());
    },
  );
  sent.on('error', () => undefined);
  sent.end();
  await eventually('the service is told', () => closed === 1);
  const client = await proxy.rawClient('clear');
  const call = client.call({
    path: '/file',
    fields: [
      [':method', 'GET'],
      ['content-type', 'text/plain'],
    ],
  });
  await client.wantHeaders(call);
  client.sendReset(call, ErrorCode.CANCEL);
  await eventually('the service is told again', () => closed === 2);
  for (const record of await proxy.wantRecords(2)) assert.equal(record['endedBy'], 'downstream');
});
