// Routes that the proxy answers itself (`respond`, `redirect`), to each kind of client.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { RawHttp1Client } from '../edges/edge-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { parseWebBody, webCall } from '../support/grpc-web-client.ts';
import { type ProxyUnderTest, startProxy } from '../support/proxy-under-test.ts';
import { grpcMessage } from '../support/raw-frames.ts';

const MESSAGE = grpcMessage(Buffer.from('x'));

function startAnswering(t: TestContext): Promise<ProxyUnderTest> {
  return startProxy(t, {
    sections: {
      routes: [
        {
          name: 'closed',
          match: { path: '/closed/*' },
          respond: { status: 503, body: 'Back at ten. ü', headers: { 'retry-after': '600' } },
          grpcWeb: true,
        },
        { match: { path: '/gone/*' }, respond: { status: 410, grpcStatus: 'UNIMPLEMENTED' } },
        {
          match: { path: '/page/*' },
          respond: {
            status: 200,
            body: '<p>',
            headers: { 'content-type': 'text/html', date: 'Thu, 01 Jan 1970 00:00:00 GMT' },
          },
        },
        { match: { path: '/nothing/*' }, respond: { status: 204 } },
        { name: 'https', match: { path: '/https/*' }, redirect: { to: 'https' } },
        { match: { path: '/moved/*' }, redirect: { to: 'https://www.example.com:8443', status: 301 } },
        { match: { path: '/exact/*' }, redirect: { to: 'http://www.example.com/new?from=old', status: 302 } },
        { match: { path: '/port/*' }, redirect: { to: 'https://${host}:8443' } },
        { match: { path: '/elsewhere/*' }, redirect: { to: 'http://${host}/new', status: 302 } },
        { match: { path: '/here/*' }, redirect: { to: '/new?a=b', status: 303 } },
        { match: { host: 'any.example' }, redirect: { to: 'https' } },
        { match: { path: '/voice/*' }, upstream: 'voice' },
      ],
    },
  });
}

async function http1(t: TestContext, proxy: ProxyUnderTest, ...lines: readonly string[]): Promise<string> {
  const client = new RawHttp1Client(t, proxy.port('clear'));
  client.send(...lines, 'Connection: close', '');
  return client.closed();
}

test('a web client gets status, fields and text, over HTTP/1.1 and HTTP/2', async (t) => {
  const proxy = await startAnswering(t);
  for (const protocol of ['http1', 'http2'] as const) {
    const { status, headers, content } = await webCall(protocol, proxy.port('clear'), {
      method: 'GET',
      path: '/closed/x',
    });
    assert.equal(status, 503);
    assert.equal(headers['retry-after'], '600');
    assert.equal(headers['content-type'], 'text/plain; charset=utf-8');
    assert.equal(headers['content-length'], String(content.length));
    assert.equal(content.toString(), 'Back at ten. ü');
  }
  const page = await webCall('http2', proxy.port('clear'), { method: 'GET', path: '/page/x' });
  assert.equal(page.headers['content-type'], 'text/html');
  assert.equal(page.headers['date'], 'Thu, 01 Jan 1970 00:00:00 GMT');
});

test('HEAD and a status without content get no content', async (t) => {
  const proxy = await startAnswering(t);
  const head = await http1(t, proxy, 'HEAD /closed/x HTTP/1.1', 'Host: a');
  assert.match(head, /^HTTP\/1.1 503 [^]*content-length: 15\r\n[^]*\r\n\r\n$/i);
  const nothing = await http1(t, proxy, 'GET /nothing/x HTTP/1.1', 'Host: a');
  assert.match(nothing, /^HTTP\/1.1 204 [^]*\r\n\r\n$/i);
  assert.doesNotMatch(nothing, /content-length/i);
});

test('HEAD over HTTP/2 gets the length and no content', async (t) => {
  const proxy = await startAnswering(t);
  const { headers, content } = await webCall('http2', proxy.port('clear'), {
    method: 'HEAD',
    path: '/closed/x',
  });
  assert.equal(headers['content-length'], '15');
  assert.equal(content.length, 0);
});

test('a WebSocket is refused where a success would open a tunnel to nobody, and told the status elsewhere', async (t) => {
  const proxy = await startAnswering(t);
  const lines = ['Host: a', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'];
  for (const [path, status] of [
    ['/page/x', 501],
    ['/closed/x', 503],
  ] as const) {
    const client = new RawHttp1Client(t, proxy.port('clear'));
    client.send(`GET ${path} HTTP/1.1`, ...lines, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '');
    const head = await eventually('an answer', () => /^HTTP\/1.1 (\d+)/.exec(client.text)?.[1]);
    assert.equal(Number(head), status);
  }
});

test('a gRPC client gets the matching status with the text as its message, and so does the record', async (t) => {
  const proxy = await startAnswering(t);
  const client = await proxy.rawClient('clear');
  const closed = await client.outcome(client.call({ path: '/closed/x', body: MESSAGE }));
  assert.equal(closed.grpcStatus, '14');
  assert.equal(closed.grpcMessage, 'Back at ten. ü');
  const gone = await client.outcome(client.call({ path: '/gone/x', body: MESSAGE }));
  assert.deepEqual([gone.grpcStatus, gone.grpcMessage], ['12', '']);
  const [record] = await proxy.wantRecords(2);
  assert.equal(record?.grpcStatus, 'UNAVAILABLE');
  assert.equal(record['route'], 'closed');
  assert.equal(record['endedBy'], 'framegate');
  assert.match(record.reason, /^route_responds: /);
});

test('a gRPC-Web client gets it in its own protocol', async (t) => {
  const proxy = await startAnswering(t);
  const { status, content, headers } = await webCall('http1', proxy.port('clear'), {
    path: '/closed/x',
    fields: { 'content-type': 'application/grpc-web+proto' },
    body: MESSAGE,
  });
  assert.equal(status, 200);
  const grpcStatus = headers['grpc-status'] ?? parseWebBody(content).trailers?.['grpc-status'];
  assert.equal(grpcStatus, '14');
});

test('a request body of any size does not keep the answer back, nor the connection from the next call', async (t) => {
  const proxy = await startAnswering(t);
  const client = await proxy.rawClient('clear');
  const stream = client.call({ path: '/closed/x', endStream: false });
  client.pump(stream, 1_048_576);
  assert.equal((await client.outcome(stream)).grpcStatus, '14');
  const next = await client.outcome(client.call({ path: '/gone/x' }));
  assert.equal(next.grpcStatus, '12');
});

const REDIRECTS: readonly (readonly [target: string, host: string, location: string, status: number])[] = [
  ['/https/a?b=c', 'grpc.example.com:8080', 'https://grpc.example.com/https/a?b=c', 308],
  ['/https/', '[::1]:80', 'https://[::1]/https/', 308],
  ['/moved/a?b=c', 'x', 'https://www.example.com:8443/moved/a?b=c', 301],
  ['/exact/a?b=c', 'x', 'http://www.example.com/new?from=old', 302],
  ['/port/a?b=c', '[::1]:8080', 'https://[::1]:8443/port/a?b=c', 308],
  ['/elsewhere/a?b=c', 'x.example:8080', 'http://x.example/new', 302],
  ['/here/a?b=c', 'x.example', '/new?a=b', 303],
  // A host is never read as a pattern.
  ['/port/a', "$'", "https://$':8443/port/a", 308],
  // The path of a request is not read as another host.
  ['//evil.example/', 'any.example', 'https://any.example//evil.example/', 308],
  ['/\\evil.example', 'any.example', 'https://any.example/\\evil.example', 308],
];
for (const [target, host, location, status] of REDIRECTS) {
  test(`${target} at ${host} leads to ${location}`, async (t) => {
    const proxy = await startAnswering(t);
    const text = await http1(t, proxy, `GET ${target} HTTP/1.1`, `Host: ${host}`);
    assert.ok(text.startsWith(`HTTP/1.1 ${status} `), text);
    assert.equal(/\r\nlocation: (.*)\r\n/i.exec(text)?.[1], location);
  });
}

test('OPTIONS of the whole server leads to the root', async (t) => {
  const proxy = await startAnswering(t);
  const text = await http1(t, proxy, 'OPTIONS * HTTP/1.1', 'Host: any.example');
  assert.match(text, /\r\nlocation: https:\/\/any.example\/\r\n/i);
});

test('a request that names no host is told so where the address needs one', async (t) => {
  const proxy = await startAnswering(t);
  const text = await http1(t, proxy, 'GET /https/a HTTP/1.0');
  assert.match(text, /^HTTP\/1.1 400 [^]*names no host/);
});

test('a gRPC client is told the address, since it follows no redirects', async (t) => {
  const proxy = await startAnswering(t);
  const client = await proxy.rawClient('clear');
  const {
    grpcStatus,
    grpcMessage: message,
    headers,
  } = await client.outcome(client.call({ path: '/moved/x', body: MESSAGE }));
  assert.equal(grpcStatus, '14');
  assert.match(
    message,
    /https:\/\/www.example.com:8443\/moved\/x\. .*grpc\.secure_channel\("www\.example\.com:8443", /,
  );
  assert.equal(
    headers.find(([name]) => name === 'location'),
    undefined,
  );
  assert.match((await proxy.record()).reason, /^route_redirects: /);
});
