// limits.headerListSize and limits.headerFields hold for the responses of HTTP/1.1 services, and Node's own limit does not.

import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { test } from 'node:test';
import { http2Answer } from '../support/http2-answer.ts';
import { startProxy } from '../support/proxy-under-test.ts';
import { EdgeUnderTest, RawHttp1Client, startRawService } from './edge-under-test.ts';

const DEFAULT_BYTES = 16_384;
/** Name, value and 32 bytes. */
const OVERHEAD = 'x-large'.length + 32;

function large(sizeBytes: number): string {
  return `X-Large: ${'x'.repeat(sizeBytes - OVERHEAD)}\r\n`;
}

const CASES: readonly (readonly [what: string, fields: string, limitBytes: number, isServed: boolean])[] = [
  ['of 40 KiB, where 64 KiB are allowed', large(40_000), 65_536, true],
  ['just within the limit', large(DEFAULT_BYTES - 500), DEFAULT_BYTES, true],
  ['just above the limit', large(DEFAULT_BYTES + 1), DEFAULT_BYTES, false],
  ['of twice the limit as sent', large(3 * DEFAULT_BYTES), DEFAULT_BYTES, false],
  ['of 8 KiB, where they are all that is allowed', large(8193), 8192, false],
  ['that are many and small', 'a: b\r\n'.repeat(101), DEFAULT_BYTES, false],
  ['that are many, and not passed on', 'Connection: b\r\n'.repeat(101), DEFAULT_BYTES, false],
  ['that are many, but not too many', 'a: b\r\n'.repeat(90), DEFAULT_BYTES, true],
];

for (const [what, fields, headerListBytes, isServed] of CASES) {
  test(`header fields of a response ${what} are ${isServed ? 'passed on' : 'a 502 that names the keys'}`, async (t) => {
    const service = await startRawService(t, () => `HTTP/1.1 200 OK\r\n${fields}Content-Length: 2\r\n\r\nok`);
    const edge = await EdgeUnderTest.start(t, {
      endpoints: [service.address],
      limits: { headerListBytes },
    });
    const client = new RawHttp1Client(t, edge.port);
    client.send('GET / HTTP/1.1', 'Host: a', 'Connection: close', '');
    const text = await client.closed();
    const session = edge.h2(t);
    const { status, body } = await http2Answer(session.request({ ':path': '/', ':authority': 'a' }));
    if (isServed) {
      assert.match(text, /^HTTP\/1.1 200 OK\r\n[^]*ok$/);
      assert.deepEqual([status, body], [200, 'ok']);
      return;
    }
    assert.match(text, /^HTTP\/1.1 502 [^]*limits\.headerListSize and limits\.headerFields/);
    assert.equal(status, 502);
    for (let count = 0; count < 2; count++)
      assert.match((await edge.record()).reason, /^upstream_headers_too_large: /);
  });
}

test('header fields of 200 KiB come through the whole proxy, where 1 MiB is allowed', async (t) => {
  const service = await startRawService(
    t,
    () => `HTTP/1.1 200 OK\r\n${large(200_000)}Content-Length: 2\r\n\r\nok`,
  );
  const proxy = await startProxy(t, {
    sections: {
      upstreams: { voice: { protocol: 'http1', endpoints: [service.address.text] } },
      limits: { headerListSize: '1MiB' },
    },
  });
  const http1 = new RawHttp1Client(t, proxy.port('clear'));
  http1.send('GET / HTTP/1.1', 'Host: a', 'Connection: close', '');
  assert.match(await http1.closed(), /^HTTP\/1.1 200 OK\r\n[^]*ok$/);
  const http2 = await proxy.rawClient('clear');
  const page = { fields: [[':method', 'GET'] as const, ['content-type', 'text/plain'] as const] };
  const { headers, content } = await http2.outcome(http2.call(page));
  assert.deepEqual([headers[0][1], content.toString()], ['200', 'ok']);
  assert.equal(headers.find(([name]) => name === 'x-large')?.[1].length, 200_000 - OVERHEAD);
});

test('interim responses and trailers are in the same limits', async (t) => {
  const chunks = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n';
  for (const bytes of [
    `HTTP/1.1 103 Hints\r\n${large(DEFAULT_BYTES + 1)}\r\n${chunks}\r\n`,
    `HTTP/1.1 103 Hints\r\n${large(3 * DEFAULT_BYTES)}\r\n${chunks}\r\n`,
    `${chunks}${large(DEFAULT_BYTES + 1)}\r\n`,
    `${chunks}${large(3 * DEFAULT_BYTES)}\r\n`,
    `${chunks}${'a: b\r\n'.repeat(101)}\r\n`,
  ]) {
    const service = await startRawService(t, () => bytes);
    const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
    const client = new RawHttp1Client(t, edge.port);
    client.send('GET / HTTP/1.1', 'Host: a', 'Connection: close', '');
    assert.doesNotMatch(await client.closed(), /\r\n0\r\n/);
    assert.match((await edge.record()).reason, /^upstream_headers_too_large: .*limits\.headerListSize/);
    const answer = await http2Answer(edge.h2(t).request({ ':path': '/', ':authority': 'a' }));
    assert.ok(answer.status === 502 || !answer.isWhole);
  }
});

test('as many header fields as are allowed come through the whole proxy, over both protocols', async (t) => {
  const fields = Array.from({ length: 127 }, (_, index) => `x-${index}: y\r\n`).join('');
  const service = await startRawService(t, () => `HTTP/1.1 200 OK\r\n${fields}Content-Length: 2\r\n\r\nok`);
  const proxy = await startProxy(t, {
    sections: { upstreams: { voice: { protocol: 'http1', endpoints: [service.address.text] } } },
  });
  const client = new RawHttp1Client(t, proxy.port('clear'));
  client.send('GET / HTTP/1.1', 'Host: a', 'Connection: close', '');
  assert.match(await client.closed(), /^HTTP\/1.1 200 OK\r\n[^]*x-126: y[^]*ok$/);
  const session = connect(`http://127.0.0.1:${proxy.port('clear')}`, { maxHeaderListPairs: 200 });
  t.after(() => session.destroy());
  const { status, headers, body } = await http2Answer(session.request({ ':path': '/' }));
  assert.deepEqual([status, headers['x-126'], body], [200, 'y', 'ok']);
});

test('trailers of a response that are not passed on count as well', async (t) => {
  const trailers = 'Connection: b\r\n'.repeat(101);
  const service = await startRawService(
    t,
    () => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n${trailers}\r\n`,
  );
  const edge = await EdgeUnderTest.start(t, { endpoints: [service.address] });
  const client = new RawHttp1Client(t, edge.port);
  client.send('GET / HTTP/1.1', 'Host: a', 'Connection: close', '');
  assert.doesNotMatch(await client.closed(), /\r\n0\r\n\r\n$/, 'it broke off');
  assert.match((await edge.record()).reason, /^upstream_headers_too_large: /);
});
