// Interim responses of HTTP/1.1 services (RFC 9110 section 15.2), and clients that wait for 100 (Continue) before they send a
// body (section 10.1.1).

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { http2Answer } from '../support/http2-answer.ts';
import { startProxy } from '../support/proxy-under-test.ts';
import { EdgeUnderTest, startRawService, startService } from './edge-under-test.ts';

const GET = { ':path': '/', ':authority': 'a' };
const PUT = { ...GET, ':method': 'PUT', expect: '100-continue' };
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

test('interim responses reach a client of HTTP/2 in their order, before the final one', async (t) => {
  const service = await startRawService(
    t,
    () =>
      'HTTP/1.1 102 Processing\r\n\r\n' +
      'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nLink: </b.js>\r\nHTTP2-Settings: x\r\n\r\n' +
      `HTTP/1.1 199 Odd\r\nX-Own: 1\r\nTransfer-Encoding: chunked\r\n\r\n${OK}`,
  );
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const { status, body, interim } = await http2Answer(edge.h2(t).request(GET));
  assert.deepEqual([status, body], [200, 'ok']);
  assert.deepEqual(
    interim.map((fields) => ({ ...fields })),
    [{ ':status': 102 }, { ':status': 103, link: '</a.css>, </b.js>' }, { ':status': 199, 'x-own': '1' }],
  );
  assert.deepEqual(edge.faults, []);
});

test('early hints come through the whole proxy', async (t) => {
  const service = await startService(t, (_request, response) => {
    response.writeEarlyHints({ link: '</a.css>; rel=preload' });
    response.end('page');
  });
  const proxy = await startProxy(t, {
    sections: { upstreams: { voice: { protocol: 'http1', endpoints: [service.address.text] } } },
  });
  const client = await proxy.rawClient('clear');
  const streamId = client.call({
    fields: [
      [':method', 'GET'],
      ['content-type', 'text/plain'],
    ],
  });
  const early = await eventually('103', () =>
    client.frames.find((frame) => frame.fields?.some(([, value]) => value === '103')),
  );
  assert.ok(early.fields?.some(([name, value]) => name === 'link' && value === '</a.css>; rel=preload'));
  assert.equal((await client.outcome(streamId)).content.toString(), 'page');
});

test('a service that sends interim responses without an end gets its request ended', async (t) => {
  let isClosed = false;
  const service = await startRawService(t, (_received, socket) => {
    const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'), 1);
    socket.once('close', () => {
      clearInterval(timer);
      isClosed = true;
    });
    return undefined;
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const { status, body, interim } = await http2Answer(edge.h2(t).request(GET));
  assert.deepEqual([status, interim.length], [502, 10]);
  assert.match(edge.lastOutcome, /upstream_response_invalid: /);
  assert.match(body, /limits\.floods\.interimResponses/);
  await eventually('its connection is closed', () => isClosed);
});

test('a thousand interim responses in one segment are no more than ten', async (t) => {
  const service = await startRawService(
    t,
    () => 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(1000) + OK,
  );
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const { status, interim } = await http2Answer(edge.h2(t).request(GET));
  assert.deepEqual([status, interim.length], [502, 10]);
});

test('the 100 of the service reaches the client, whose body goes on from there', async (t) => {
  const seen: (string | undefined)[] = [];
  const service = await startService(t, (request, response) => request.pipe(response));
  service.server.on('checkContinue', (request, response) => {
    seen.push(request.headers.expect);
    response.writeContinue();
    request.pipe(response);
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const stream = edge.h2(t).request(PUT, { endStream: false });
  const answer = http2Answer(stream);
  await once(stream, 'continue');
  assert.deepEqual(seen, ['100-continue']);
  stream.end('now');
  assert.equal((await answer).body, 'now');
});

test('the refusal of the service reaches the client before it has sent its body', async (t) => {
  const service = await startService(t, () => undefined);
  service.server.on('checkContinue', (_request, response) => {
    response.writeHead(413, { 'x-why': 'large' });
    response.end();
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const stream = edge.h2(t).request(PUT, { endStream: false });
  let isContinued = false;
  stream.on('continue', () => {
    isContinued = true;
  });
  stream.on('error', () => undefined);
  const [headers] = await once(stream, 'response');
  assert.deepEqual([headers[':status'], headers['x-why'], isContinued], [413, 'large', false]);
  stream.close(8);
  await eventually('no place is taken', () => edge.upstream.endpoints[0].activeCalls === 0);
});

test('a service that never says 100 does not keep the client waiting, and says it only once', async (t) => {
  for (const late of ['', 'HTTP/1.1 100 Continue\r\n\r\n']) {
    const service = await startRawService(t, () => undefined);
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
    const stream = edge.h2(t).request({ ...PUT, 'content-length': 4 }, { endStream: false });
    const answer = http2Answer(stream);
    let continued = 0;
    stream.on('continue', () => continued++);
    await eventually('the client may go on', () => continued === 1);
    stream.end('body');
    await eventually('the body comes', () => service.received[0]?.endsWith('\r\n\r\nbody'));
    service.sockets[0].write(`${late}${OK}`);
    assert.deepEqual([(await answer).body, continued], ['ok', 1]);
  }
});

test('an expectation without a body, and one that HTTP does not know, are not sent on', async (t) => {
  const service = await startService(t, (request, response) => {
    request.resume();
    request.on('end', () => response.end(request.headers.expect ?? 'none'));
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const session = edge.h2(t);
  assert.equal((await http2Answer(session.request({ ...GET, expect: '100-continue' }))).body, 'none');
  const odd = session.request({ ...PUT, expect: 'miracles' }, { endStream: false });
  odd.end('x');
  assert.equal((await http2Answer(odd)).body, 'none');
});

test('a client that leaves while it waits for 100 gives its place back', async (t) => {
  const service = await startRawService(t, () => undefined);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const stream = edge.h2(t).request(PUT, { endStream: false });
  stream.on('error', () => undefined);
  await eventually('the service is asked', () => service.received[0]?.includes('Expect: 100-continue'));
  stream.close(8);
  await eventually('no place is taken', () => edge.upstream.endpoints[0].activeCalls === 0);
  assert.deepEqual(edge.faults, []);
});

test('the 100 that we send in place of the service is none of its own interim responses', async (t) => {
  const service = await startRawService(t, () => undefined);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const stream = edge.h2(t).request(PUT, { endStream: false });
  const answer = http2Answer(stream);
  await once(stream, 'continue');
  stream.end('body');
  service.sockets[0].write(`${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(10)}${OK}`);
  const { status, interim } = await answer;
  assert.deepEqual([status, interim.filter((fields) => fields[':status'] === 103).length], [200, 10]);
});
