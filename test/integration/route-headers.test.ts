// The `headers` and `authority` of a route: what services and clients get of each header and trailer section.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { listen, RawHttp1Client } from '../edges/edge-under-test.ts';
import { parseWebBody, webCall } from '../support/grpc-web-client.ts';
import { type ProxyUnderTest, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { type Fields, grpcMessage } from '../support/raw-frames.ts';
import { type RawServer, type RawServerOptions, RESPONSE_HEADERS } from '../support/raw-server.ts';

const MESSAGE = grpcMessage(Buffer.from('x'));
const PATH = '/a.B/C';

interface Scene {
  readonly proxy: ProxyUnderTest;
  readonly service: RawServer;
}

async function startScene(
  t: TestContext,
  route: Readonly<Record<string, unknown>>,
  options: RawServerOptions = { onRequestEnd: (request) => request.succeed() },
): Promise<Scene> {
  const service = await startRawUpstream(t, options);
  const routes = [{ name: 'all', match: { path: '/*' }, upstream: 'voice', ...route }];
  const proxy = await startProxy(t, { endpoints: [service.address], sections: { routes } });
  return { proxy, service };
}

/** The values of all fields of this name, in their order. */
function valuesOf(fields: Fields, name: string): readonly string[] {
  return fields.flatMap(([one, value]) => (one === name ? [value] : []));
}

test('requests are changed before the service gets them, whatever call of the connection they are', async (t) => {
  const { proxy, service } = await startScene(t, {
    headers: {
      request: {
        set: {
          'x-tenant': 'blue',
          'x-about': '${client.address} ${host} ${listener} ${method} ${path} ${route} ${tls.version}!',
        },
        add: { 'x-agent': 'via ${header.user-agent}', 'x-more': 'second' },
        remove: ['x-debug'],
      },
    },
  });
  const client = await proxy.rawClient('clear');
  const calls: readonly (readonly [agent: string, more: string])[] = [
    ['one', 'first'],
    ['one', 'first'],
    ['two', 'other'],
    ['one', 'first'],
  ];
  for (const [index, [agent, more]] of calls.entries()) {
    const fields: Fields = [
      ['user-agent', agent],
      ['x-tenant', 'red'],
      ['x_tenant', 'green'],
      ['x-debug', '1'],
      ['x-more', more],
      ['x-call', String(index)],
    ];
    const outcome = await client.outcome(client.call({ path: PATH, body: MESSAGE, fields }));
    assert.equal(outcome.grpcStatus, '0');
    const { fields: received } = await service.wantRequest(index);
    assert.deepEqual(valuesOf(received, 'x-tenant'), ['blue']);
    assert.deepEqual(valuesOf(received, 'x_tenant'), [], 'a service may read it as the same name');
    assert.deepEqual(valuesOf(received, 'x-debug'), []);
    assert.deepEqual(valuesOf(received, 'x-agent'), [`via ${agent}`]);
    assert.deepEqual(valuesOf(received, 'x-more'), [more, 'second']);
    assert.deepEqual(valuesOf(received, 'x-call'), [String(index)]);
    assert.deepEqual(valuesOf(received, 'x-about'), [`127.0.0.1 service.test clear POST ${PATH} all !`]);
  }
});

test('a variable without a value makes no field, and bytes that a field may not have are replaced', async (t) => {
  const { proxy, service } = await startScene(t, {
    headers: {
      request: {
        set: { 'x-tls': '${tls.version}', 'x-was': '${header.x-name}' },
        add: { 'x-added': '${header.x-none}' },
      },
    },
  });
  const client = await proxy.rawClient('clear');
  await client.outcome(client.call({ path: PATH, fields: [['x-tls', 'forged']] }));
  const first = await service.wantRequest(0);
  assert.equal(first.field('x-tls'), undefined);
  assert.equal(first.field('x-was'), undefined);
  assert.equal(first.field('x-added'), undefined);
  await client.outcome(client.call({ path: PATH, fields: [['x-name', 'J\u00c3\u00bcrgen']] }));
  assert.equal((await service.wantRequest(1)).field('x-was'), 'J??rgen');
});

test('the service is sent the authority of the route, and x-forwarded-host tells that of the client', async (t) => {
  const { proxy, service } = await startScene(t, { authority: 'voice.internal:50051' });
  const client = await proxy.rawClient('clear');
  await client.outcome(client.call({ path: PATH }));
  const request = await service.wantRequest();
  assert.equal(request.field(':authority'), 'voice.internal:50051');
  assert.equal(request.field('x-forwarded-host'), 'service.test');
  assert.equal((await proxy.record())['authority'], 'service.test');
});

const BOTH = {
  headers: {
    response: { set: { 'x-served': 'by ${route}' }, add: { vary: 'b' }, remove: ['server'] },
    trailers: { set: { 'x-end': 'yes' }, add: { 'x-more': 'b' }, remove: ['x-internal'] },
  },
};
const HEAD: Fields = [...RESPONSE_HEADERS, ['server', 'secret'], ['x-served', 'no'], ['vary', 'a']];
const END: Fields = [
  ['grpc-status', '5'],
  ['x-internal', '1'],
  ['x-more', 'a'],
  ['x-served', 'again'],
];

test('the head and the trailers of responses are changed, each by its own rules', async (t) => {
  const { proxy } = await startScene(t, BOTH, {
    onRequestEnd: (request) => {
      request.sendHeaders(HEAD);
      request.sendMessage(Buffer.from('y'));
      request.sendTrailers(END);
    },
  });
  const client = await proxy.rawClient('clear');
  for (let call = 0; call < 3; call++) {
    const { headers, trailers, grpcStatus } = await client.outcome(
      client.call({ path: PATH, body: MESSAGE }),
    );
    assert.deepEqual(valuesOf(headers, 'server'), []);
    assert.deepEqual(valuesOf(headers, 'x-served'), ['by all']);
    assert.deepEqual(valuesOf(headers, 'vary'), ['a', 'b']);
    assert.deepEqual(valuesOf(headers, 'x-end'), []);
    assert.equal(grpcStatus, '5');
    assert.deepEqual(valuesOf(trailers, 'x-internal'), []);
    assert.deepEqual(valuesOf(trailers, 'x-more'), ['a', 'b']);
    assert.deepEqual(valuesOf(trailers, 'x-end'), ['yes']);
    assert.deepEqual(valuesOf(trailers, 'x-served'), [], 'a client may take it for the field of the head');
    assert.deepEqual(valuesOf(trailers, 'vary'), []);
  }
});

test('what responses lose is not told by an interim response either', async (t) => {
  const { proxy } = await startScene(t, BOTH, {
    onRequestEnd: (request) => {
      request.sendHeaders([
        [':status', '103'],
        ['server', 'secret'],
        ['x-served', 'no'],
        ['link', '</a>'],
      ]);
      request.sendHeaders([[':status', '200']]);
      request.sendTrailers([['x-end', 'no']]);
    },
  });
  const session = connect(`http://127.0.0.1:${proxy.port('clear')}`);
  t.after(() => session.destroy());
  const stream = session.request({ ':path': '/page' });
  const [interim] = await once(stream, 'headers');
  assert.equal(interim[':status'], 103);
  assert.equal(interim['link'], '</a>');
  assert.equal(interim['server'], undefined);
  assert.equal(interim['x-served'], undefined);
});

test('a response that is one section gets both changes, from the service and from the proxy', async (t) => {
  const { proxy } = await startScene(t, BOTH, {
    onRequestEnd: (request) => request.sendTrailers(request.streamId === 1 ? [...HEAD, ...END] : HEAD),
  });
  const client = await proxy.rawClient('clear');
  // The second has no grpc-status, so the proxy answers in its place.
  for (const status of ['5', '2']) {
    const { headers, grpcStatus } = await client.outcome(client.call({ path: PATH, body: MESSAGE }));
    assert.equal(grpcStatus, status);
    assert.deepEqual(valuesOf(headers, 'x-served'), ['by all']);
    assert.deepEqual(valuesOf(headers, 'x-end'), ['yes']);
    assert.deepEqual(valuesOf(headers, 'x-internal'), []);
    assert.deepEqual(valuesOf(headers, 'server'), []);
  }
});

test('the trailers with which the proxy ends a response that has begun are changed too', async (t) => {
  const { proxy } = await startScene(t, BOTH, {
    onRequestEnd: (request) => {
      request.sendHeaders(HEAD);
      request.sendTrailers([['x-no', 'status']]);
    },
  });
  const client = await proxy.rawClient('clear');
  const { trailers, grpcStatus } = await client.outcome(client.call({ path: PATH, body: MESSAGE }));
  assert.equal(grpcStatus, '2');
  assert.deepEqual(valuesOf(trailers, 'x-end'), ['yes']);
});

test('a gRPC-Web client gets the changed trailers in its body', async (t) => {
  const { proxy } = await startScene(
    t,
    { ...BOTH, grpcWeb: true },
    {
      onRequestEnd: (request) => {
        request.sendHeaders(HEAD);
        request.sendTrailers(END);
      },
    },
  );
  for (const protocol of ['http1', 'http2'] as const) {
    const { headers, content } = await webCall(protocol, proxy.port('clear'), {
      path: PATH,
      fields: { 'content-type': 'application/grpc-web+proto' },
      body: MESSAGE,
    });
    assert.equal(headers['x-served'], 'by all');
    assert.equal(headers['server'], undefined);
    const { trailers } = parseWebBody(content);
    assert.equal(trailers?.['x-end'], 'yes');
    assert.equal(trailers['x-internal'], undefined);
    assert.equal(trailers['grpc-status'], '5');
  }
});

test('an HTTP/1.1 service and its clients get the changes', async (t) => {
  const port = await listen(
    t,
    createServer((request, response) => {
      response.setHeader('x-powered-by', 'x');
      response.end(
        JSON.stringify([request.headers.host, request.headers['x-tenant'], request.headers.cookie ?? 'none']),
      );
    }),
  );
  const proxy = await startProxy(t, {
    sections: {
      routes: [
        {
          match: { path: '/*' },
          upstream: 'web',
          authority: 'inside.example',
          headers: {
            request: { set: { 'x-tenant': 'blue' }, remove: ['cookie'] },
            response: { set: { 'strict-transport-security': 'max-age=1' }, remove: ['x-powered-by'] },
          },
        },
      ],
      upstreams: { web: { protocol: 'http1', endpoints: [`127.0.0.1:${port}`] } },
    },
  });
  const client = new RawHttp1Client(t, proxy.port('clear'));
  client.send('GET / HTTP/1.1', 'Host: shop.example', 'Cookie: a=b', 'Connection: close', '');
  const text = await client.closed();
  assert.match(text, /\["inside.example","blue","none"\]/);
  assert.match(text, /\r\nstrict-transport-security: max-age=1\r\n/i);
  assert.doesNotMatch(text, /x-powered-by/i);
});

test('what the head of a response removes does not come back in its trailers while the head is held back', async (t) => {
  const { proxy } = await startScene(
    t,
    {
      retry: { on: ['UNAVAILABLE'], hold: '10s' },
      headers: { response: { set: { 'x-served': 'ours' }, remove: ['x-secret'] } },
    },
    {
      onRequestEnd: (request) => {
        // No message comes between the two, so the head still waits when the trailers come.
        request.sendHeaders([...RESPONSE_HEADERS, ['x-secret', 'of the head']]);
        request.sendTrailers([
          ['grpc-status', '5'],
          ['x-secret', 'of the trailers'],
          ['x-served', 'theirs'],
          ['x-kept', 'yes'],
        ]);
      },
    },
  );
  const client = await proxy.rawClient('clear');
  const { headers, trailers, grpcStatus } = await client.outcome(client.call({ path: PATH, body: MESSAGE }));
  assert.deepEqual(
    [grpcStatus, valuesOf(headers, 'x-served'), valuesOf(headers, 'x-secret')],
    ['5', ['ours'], []],
  );
  assert.deepEqual(trailers, [
    ['grpc-status', '5'],
    ['x-kept', 'yes'],
  ]);
});
