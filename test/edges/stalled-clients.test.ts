// HTTP/1.1 clients that begin and do not go on: what they hold is theirs until somebody else needs it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { EdgeUnderTest, RawHttp1Client, startService } from './edge-under-test.ts';

/** Time that passes when it is told to. */
function fakeTime(t: TestContext): (milliseconds: number) => void {
  let nowMs = 1000;
  t.mock.timers.enable({ apis: ['setInterval'] });
  t.mock.method(performance, 'now', () => nowMs);
  return (milliseconds) => {
    for (let passed = 0; passed < milliseconds; passed += 2000) {
      nowMs += 2000;
      t.mock.timers.tick(2000);
    }
  };
}

const UPLOAD = ['POST /upload HTTP/1.1', 'Host: web.test', 'Transfer-Encoding: chunked', '', '5', 'hello'];
const OTHER = ['GET /other HTTP/1.1', 'Host: web.test', ''];

/** A service with room for one request, which a client holds by an upload. */
async function held(t: TestContext) {
  const pass = fakeTime(t);
  const begun: string[] = [];
  const service = await startService(t, (request, response) => {
    begun.push(request.url ?? '');
    request.on('error', () => undefined);
    request.resume();
    request.on('end', () => response.end('whole'));
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address], connections: { max: 1 } });
  const upload = new RawHttp1Client(t, edge.port).send(...UPLOAD);
  await eventually('the upload is at the service', () => begun.length === 1);
  return { pass, edge, begun, upload };
}

test('an upload that stops keeps its connection until another needs it, and is told so', async (t) => {
  const { pass, edge, begun, upload } = await held(t);
  pass(3_600_000);
  assert.equal(upload.text, '', 'nobody else needs it');
  const other = new RawHttp1Client(t, edge.port).send(...OTHER);
  await eventually('the other waits', () => edge.upstream.pendingCount === 1);
  pass(2000);
  await other.receives('whole');
  const answer = await upload.receives('connections.max');
  assert.match(answer, /^HTTP\/1\.1 408 /);
  assert.match(answer, /sent or took less than 4 KiB of this request in 30 s/);
  assert.deepEqual(begun, ['/upload', '/other']);
});

test('an upload over HTTP/2 that stops makes room as well', async (t) => {
  const { pass, edge, begun, upload } = await held(t);
  upload.send('0', '');
  await upload.receives('whole');
  const stalled = edge.h2(t).request({ ':method': 'POST', ':path': '/h2', ':authority': 'web.test' });
  stalled.on('error', () => undefined);
  const response = once(stalled, 'response');
  stalled.write('hello');
  await eventually('it is at the service', () => begun.includes('/h2'));
  pass(60_000);
  const other = new RawHttp1Client(t, edge.port).send(...OTHER);
  await eventually('the other waits', () => edge.upstream.pendingCount === 1);
  pass(2000);
  await other.receives('whole');
  const [fields] = await response;
  assert.equal(fields[':status'], 408);
  assert.ok(edge.records.some(({ reason }) => reason.startsWith('client_stalled: ')));
});

test('an upload that goes on is not given up, whoever waits', async (t) => {
  const { pass, edge, upload } = await held(t);
  const other = new RawHttp1Client(t, edge.port).send(...OTHER);
  await eventually('the other waits', () => edge.upstream.pendingCount === 1);
  const [exchange] = edge.http1.runningCalls;
  for (let piece = 1; piece <= 20; piece++) {
    upload.send('1000', 'x'.repeat(4096));
    await eventually('the piece has arrived', () => exchange.traffic.requestBytes === 5 + 4096 * piece);
    pass(20_000);
  }
  assert.deepEqual([upload.text, other.text], ['', '']);
  upload.send('0', '');
  await upload.receives('whole');
  await other.receives('whole');
});

test('a client that takes nothing of its response for 30 s is disconnected', async (t) => {
  const pass = fakeTime(t);
  const service = await startService(t, (_request, response) => {
    const more = (): void => {
      while (response.write(Buffer.alloc(65_536)));
    };
    response.on('drain', more);
    response.on('error', () => undefined);
    more();
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port).send(...OTHER);
  await client.receives('HTTP/1.1 200');
  client.socket.pause();
  const [exchange] = edge.http1.runningCalls;
  let bytes = -1;
  let looks = 0;
  // Within this process each turn of the event loop moves what can move.
  await eventually('the response is stuck', () => {
    looks = exchange.traffic.responseBytes === bytes ? looks + 1 : 0;
    bytes = exchange.traffic.responseBytes;
    return looks === 100;
  });
  pass(30_000);
  assert.equal(edge.records.length, 0, 'a reader may pause');
  pass(4000);
  const record = await edge.record();
  assert.equal(record.endedBy, 'framegate');
  assert.match(record.reason, /^client_stalled: The client took nothing for 30 s/);
});
