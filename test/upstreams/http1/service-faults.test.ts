// Faults of ours on the side of HTTP/1.1 services, made on purpose: each ends its own request, is reported, gives back what
// it held, and nobody else's request notices.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { AttemptSeries } from '../../../src/relay/attempt-series.ts';
import { Forwarding } from '../../../src/upstreams/http1/forwarding.ts';
import { Http1Attempt } from '../../../src/upstreams/http1/http1-attempt.ts';
import { RequestBody } from '../../../src/upstreams/http1/request-body.ts';
import type { OutgoingHead } from '../../../src/upstreams/http1/request-fields.ts';
import { encodeHead } from '../../../src/upstreams/http1/request-head.ts';
import type { ResponseReceiver } from '../../../src/upstreams/http1/response-receiver.ts';
import {
  addressOf,
  EdgeUnderTest,
  type Handler,
  RawHttp1Client,
  startService,
} from '../../edges/edge-under-test.ts';
import { eventually } from '../../support/eventually.ts';
import { http2Answer } from '../../support/http2-answer.ts';
import { readMetrics, sumOf } from '../../support/metrics-reader.ts';
import { startProxy } from '../../support/proxy-under-test.ts';
import { websocketAccept } from '../../support/websocket-accept.ts';

/** Answers in each way there is, by the path. */
const serve: Handler = (request, response) => {
  if (request.url === '/slow') {
    response.write('begun ');
    request.on('end', () => response.end('and ended'));
    request.resume();
    return;
  }
  if (request.url === '/head') {
    response.flushHeaders();
    return;
  }
  if (request.url === '/hints') response.writeEarlyHints({ link: '</a.css>' });
  if (request.url === '/reset') {
    response.write('half');
    setTimeout(() => request.socket.destroy(), 20);
    return;
  }
  request.resume();
  request.on('end', () => {
    response.write('x'.repeat(request.url === '/large' ? 1_000_000 : 10));
    response.addTrailers({ 'x-sum': '1' });
    response.end();
  });
};

/** A call that runs all the while, and comes to its end. */
async function startBystander(session: ClientHttp2Session) {
  const stream = session.request(
    { ':path': '/slow', ':authority': 'a', ':method': 'PUT' },
    { endStream: false },
  );
  const answer = http2Answer(stream);
  await once(stream, 'data');
  return {
    async finish() {
      stream.end('x');
      const { body, isWhole } = await answer;
      assert.deepEqual([body, isWhole], ['begun and ended', true]);
    },
  };
}

const METHODS = [
  ['receiveInterim', '/hints'],
  ['receiveHead', '/'],
  ['receiveData', '/'],
  ['receiveData', '/large'],
  ['receiveEnd', '/'],
  ['receiveFailure', '/reset'],
] as const;

for (const [method, path] of METHODS) {
  test(`a fault in ${method} of a request of HTTP/2 for ${path} ends that request only`, async (t) => {
    const service = await startService(t, serve);
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
    const session = edge.h2(t);
    const bystander = await startBystander(session);
    const fault = t.mock.method(Http1Attempt.prototype, method, () => {
      throw new Error('a fault of ours');
    });
    const request = { ':path': path, ':authority': 'a', ':method': 'PUT' };
    const stream = session.request(request, { endStream: false });
    stream.end('body');
    const { isWhole, status } = await http2Answer(stream);
    fault.mock.restore();
    assert.ok(!isWhole || status === 502);
    assert.ok(edge.faults.length > 0);
    await eventually('its place is given back', () => edge.upstream.endpoints[0].activeCalls === 1);
    await bystander.finish();
    const next = await http2Answer(session.request({ ':path': '/', ':authority': 'a' }));
    assert.deepEqual([next.body, next.isWhole], ['xxxxxxxxxx', true]);
  });
}

test('a fault before the request is begun ends it only', async (t) => {
  const service = await startService(t, serve);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const session = edge.h2(t);
  const bystander = await startBystander(session);
  const fault = t.mock.method(Forwarding.prototype, 'start', () => fail('start'));
  const faulty = await http2Answer(session.request({ ':path': '/', ':authority': 'a' }));
  fault.mock.restore();
  assert.deepEqual([faulty.status, edge.faults.length], [502, 1]);
  await bystander.finish();
});

test('a fault while another endpoint is tried ends the request, and nobody waits', async (t) => {
  const service = await startService(t, serve);
  const edge = await EdgeUnderTest.start(t, { endpoints: [addressOf(1), service.address] });
  const session = edge.h2(t);
  const fault = t.mock.method(AttemptSeries.prototype, 'tryAgain', () => fail('tryAgain'));
  const faulty = await http2Answer(session.request({ ':path': '/', ':authority': 'a' }));
  fault.mock.restore();
  assert.deepEqual([faulty.status, edge.faults.length], [502, 1]);
  await eventually('no place is taken', () => edge.upstream.shares.heldCount === 0);
});

/** Hears everything, and throws at each of these. */
function receiverThatThrows(at: readonly string[]) {
  const heard: string[] = [];
  const hear =
    (name: string) =>
    (...values: unknown[]): boolean => {
      heard.push(
        name === 'receiveFailure' ? `failure ${String(Reflect.get(Object(values[0]), 'token'))}` : name,
      );
      if (at.includes(name)) throw new Error(`a fault of ours in ${name}`);
      return true;
    };
  const receiver: ResponseReceiver = {
    receiveInterim: hear('receiveInterim'),
    receiveHead: hear('receiveHead'),
    receiveData: hear('receiveData'),
    receiveEnd: hear('receiveEnd'),
    receiveUpgrade: hear('receiveUpgrade'),
    receiveTunnelLost: hear('receiveTunnelLost'),
    receiveUnreachable: hear('receiveUnreachable'),
    receiveUnanswered: hear('receiveUnanswered'),
    receiveFailure: hear('receiveFailure'),
    released: () => heard.push('released'),
    breakOff: () => undefined,
  };
  return { heard, receiver };
}

async function forward(t: TestContext, receiver: ResponseReceiver, path: string, onRoom?: () => void) {
  const service = await startService(t, serve);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const [endpoint] = edge.upstream.endpoints;
  const head: OutgoingHead = {
    method: onRoom === undefined ? 'GET' : 'PUT',
    target: path,
    fields: onRoom === undefined ? ['Host', 'a'] : ['Host', 'a', 'Transfer-Encoding', 'chunked'],
    framing: onRoom === undefined ? 'none' : 'chunked',
    expectsContinue: false,
  };
  const forwarding = new Forwarding(
    endpoint,
    {
      head,
      encoded: encodeHead(head),
      callFields: () => [],
      body:
        onRoom === undefined
          ? undefined
          : new RequestBody('chunked', { onOpen: onRoom, onRoom, onSent: () => undefined }),
      isWebSocket: false,
      client: '',
    },
    receiver,
  );
  forwarding.start();
  return { edge };
}

function fail(where: string): never {
  throw new Error(`a fault of ours in ${where}`);
}

for (const [name, path] of [
  ['receiveInterim', '/hints'],
  ['receiveHead', '/'],
  ['receiveData', '/'],
  ['receiveEnd', '/'],
] as const) {
  test(`whoever throws in ${name} hears of one failure, and the place is given back`, async (t) => {
    const { heard, receiver } = receiverThatThrows([name]);
    const { edge } = await forward(t, receiver, path);
    await eventually('it is told', () => heard.includes('failure internal_error'));
    await eventually('the place is given back', () => heard.includes('released'));
    assert.equal(heard.filter((what) => what.startsWith('failure')).length, 1);
    assert.equal(edge.faults.length, 1);
  });

  test(`whoever throws in ${name} and when told of the failure costs nobody anything`, async (t) => {
    const { heard, receiver } = receiverThatThrows([name, 'receiveFailure']);
    const { edge } = await forward(t, receiver, path);
    await eventually('both are reported', () => edge.faults.length === 2);
    await eventually('the place is given back', () => heard.includes('released'));
  });
}

test('a fault of who has the body ends its request', async (t) => {
  const { heard, receiver } = receiverThatThrows([]);
  const { edge } = await forward(t, receiver, '/', () => fail('onRoom'));
  await eventually('it is told', () => heard.includes('failure internal_error'));
  await eventually('the place is given back', () => heard.includes('released'));
  assert.equal(edge.faults.length, 1);
});

test('a fault while a body begins ends its request', async (t) => {
  const { heard, receiver } = receiverThatThrows([]);
  t.mock.method(RequestBody.prototype, 'open', () => fail('open'));
  const { edge } = await forward(t, receiver, '/', () => undefined);
  await eventually('it is told', () => heard.includes('failure internal_error'));
  await eventually('the place is given back', () => heard.includes('released'));
  assert.equal(edge.faults.length, 1);
});

test('a request that waited is begun in spite of the fault of the one before it, and the other way round', async (t) => {
  const service = await startService(t, serve);
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address], connections: { max: 1 } });
  const session = edge.h2(t);
  const bystander = await startBystander(session);
  const fault = t.mock.method(Http1Attempt.prototype, 'receiveHead', () => fail('receiveHead'));
  const faulty = http2Answer(session.request({ ':path': '/', ':authority': 'a' }));
  await eventually('it waits', () => edge.upstream.pendingCount === 1);
  await bystander.finish();
  assert.equal((await faulty).status, 502);
  fault.mock.restore();
  assert.equal((await http2Answer(session.request({ ':path': '/', ':authority': 'a' }))).body.length, 10);
  await eventually('no place is taken', () => edge.upstream.endpoints[0].activeCalls === 0);
});

test('a fault in a tunnel resets its stream', async (t) => {
  const service = await startService(t, serve);
  service.server.on('upgrade', (request, socket) => {
    socket.on('error', () => undefined);
    const accept = websocketAccept(String(request.headers['sec-websocket-key']));
    socket.write(
      `HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
  });
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const session = edge.h2(t);
  await once(session, 'remoteSettings');
  t.mock.method(Http1Attempt.prototype, 'receiveUpgrade', () => fail('receiveUpgrade'));
  const connect = { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/', ':authority': 'a' };
  const stream = session.request(connect, { endStream: false });
  stream.on('error', () => undefined);
  const [headers] = await once(stream, 'response');
  assert.equal(headers[':status'], 502);
  stream.close(8);
  await eventually('no place is taken', () => edge.upstream.endpoints[0].activeCalls === 0);
  assert.equal(edge.faults.length, 1);
});

test('a contained fault is counted with its layer and logged, and the proxy serves on', async (t) => {
  const service = await startService(t, serve);
  const proxy = await startProxy(t, {
    sections: {
      upstreams: { voice: { protocol: 'http1', endpoints: [service.address.text] } },
      admin: { address: '127.0.0.1:0' },
    },
  });
  const { address } = await proxy.line(({ msg }) => msg === 'admin server listens');
  const fault = t.mock.method(Http1Attempt.prototype, 'receiveHead', () => fail('receiveHead'));
  const client = await proxy.rawClient('clear');
  const page = { fields: [[':method', 'GET'] as const, ['content-type', 'text/plain'] as const] };
  const { headers } = await client.outcome(client.call(page));
  assert.deepEqual(headers[0], [':status', '502']);
  fault.mock.restore();
  const line = await proxy.line(({ layer }) => layer === 'http1_service');
  assert.match(JSON.stringify(line), /a fault of ours in receiveHead/);
  const samples = await readMetrics(String(address));
  assert.equal(sumOf(samples, 'framegate_contained_errors_total', { layer: 'http1_service' }), 1);
  const whole = new RawHttp1Client(t, proxy.port('clear')).send('GET / HTTP/1.1', 'Host: a', '');
  await whole.receives('xxxxxxxxxx');
});
