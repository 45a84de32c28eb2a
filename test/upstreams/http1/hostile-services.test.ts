// Services that answer anything at any time, and clients that leave at any time: whatever happens, every exchange ends, every
// connection is given back, and nothing is thrown where nobody can catch it.

import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { EdgeUnderTest, RawHttp1Client, startRawService } from '../../edges/edge-under-test.ts';
import { eventually } from '../../support/eventually.ts';

const ANSWERS = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, and more',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n',
  'HTTP/1.1 200 \x01\x02\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTrailer: X\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Disposition: attachment; filename="\xe4"\r\n\r\nabc',
  'HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nrest',
  'HTTP/1.1 1000 Large\r\n\r\n',
  'HTTP/1.0 200 OK\r\n\r\nuntil the end',
  'HTTP/1.1 200 OK\r\n: x\r\n\r\n',
  `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`,
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\x15\x03\x01\x00\x02\x02\x28',
  '',
];

const REQUESTS = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst',
  'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n',
];

/** Ends the connection in one of four ways, or not at all. */
function leave(socket: Socket, way: number): void {
  if (way === 1) socket.end();
  else if (way === 2) socket.resetAndDestroy();
  else if (way === 3) setImmediate(() => socket.destroy());
}

for (const [index, answer] of ANSWERS.entries()) {
  test(`nothing is left behind, whatever a service answers (${index})`, async (t) => {
    let count = 0;
    const service = await startRawService(t, (_received, socket) => {
      socket.write(answer, 'latin1');
      leave(socket, count++ % 4);
      return undefined;
    });
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
    const session = edge.h2(t);
    session.on('error', () => undefined);
    const clients = REQUESTS.flatMap((request) => [0, 1, 2, 3].map((way) => ({ request, way })));
    for (const { request, way } of clients) {
      const client = new RawHttp1Client(t, edge.port).write(request);
      client.socket.once('data', () => leave(client.socket, way));
      if (way === 3) setImmediate(() => client.socket.destroy());
      const stream = session.request({
        ':path': '/',
        ':authority': 'a',
        ':method': way === 0 ? 'POST' : 'GET',
      });
      stream.on('error', () => undefined);
      stream.resume();
      if (way === 0) stream.end('body');
      if (way === 2) stream.once('response', () => stream.close(8));
      if (way === 3) setImmediate(() => stream.close(8));
      setTimeout(() => {
        client.socket.destroy();
        stream.close(8);
      }, 300);
    }
    await eventually('every exchange has ended', () => edge.http1.exchangeCount === 0 && count > 0);
    await eventually('every place was given back', () => edge.upstream.endpoints[0].activeCalls === 0);
    assert.equal(edge.upstream.pendingCount, 0);
    session.destroy();
    edge.upstream.close();
    await eventually('no timer runs', () => !process.getActiveResourcesInfo().includes('Timeout'));
  });
}
