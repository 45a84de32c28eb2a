// Which upstream a call reaches: by path, host, header and listener, and what it is told when there is none.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { type ProxyUnderTest, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import type { Fields } from '../support/raw-frames.ts';
import type { RawServer } from '../support/raw-server.ts';

interface RoutedProxy {
  readonly proxy: ProxyUnderTest;
  readonly blue: RawServer;
  readonly green: RawServer;
}

/** Two upstreams whose answers say their names, and the routes given. */
async function startRouted(t: TestContext, routes: readonly unknown[]): Promise<RoutedProxy> {
  const blue = await startNamedUpstream(t, 'blue');
  const green = await startNamedUpstream(t, 'green');
  const upstreams = { blue: { endpoints: [blue.address] }, green: { endpoints: [green.address] } };
  const proxy = await startProxy(t, { sections: { routes, upstreams } });
  return { proxy, blue, green };
}

function startNamedUpstream(t: TestContext, name: string): Promise<RawServer> {
  return startRawUpstream(t, {
    onRequest: (request) =>
      request.sendTrailers([
        [':status', '200'],
        ['content-type', 'application/grpc'],
        ['grpc-status', '0'],
        ['served-by', name],
      ]),
  });
}

async function servedBy(
  proxy: ProxyUnderTest,
  path: string,
  fields: Fields = [],
  listener: 'tls' | 'clear' = 'clear',
): Promise<string | undefined> {
  const client = await proxy.rawClient(listener);
  const headers = await client.wantHeaders(client.call({ path, fields }));
  client.destroy();
  return new Map(headers).get('served-by');
}

test('a call that no route matches is UNIMPLEMENTED, and the message names its path', async (t) => {
  const { proxy } = await startRouted(t, [{ match: { path: '/known.Service/*' }, upstream: 'blue' }]);
  const client = proxy.voiceClient('tls');
  const outcome = await client.say({});
  assert.equal(outcome.code, status.UNIMPLEMENTED);
  assert.match(outcome.details, /\/voice\.VoiceAssistant\/Say/);
  const record = await proxy.record();
  assert.equal(record.grpcStatus, 'UNIMPLEMENTED');
  assert.equal(record['route'], '');
  assert.match(record.reason, /^no_route: /);
});

test('a call that a route takes but for a star that was forgotten is told so, in both protocols and in the log', async (t) => {
  const { proxy } = await startRouted(t, [{ match: { path: '/voice.VoiceAssistant/' }, upstream: 'blue' }]);
  const near = /A route has the path \/voice\.VoiceAssistant\/, .*\/voice\.VoiceAssistant\/\* matches/;
  assert.match((await proxy.voiceClient('tls').say({})).details, near);
  assert.match((await proxy.record()).reason, near);
  const response = await fetch(`http://127.0.0.1:${proxy.port('clear')}/voice.VoiceAssistant/Say`);
  assert.match(await response.text(), near);
  assert.match((await proxy.record()).reason, near);
});

test('the host that a route asks for is in the log, and the client is not told of it', async (t) => {
  const host = 'inner.example.com';
  const { proxy } = await startRouted(t, [
    { match: { path: '/voice.VoiceAssistant/*', host }, upstream: 'blue' },
  ]);
  const { details } = await proxy.voiceClient('tls').say({});
  assert.match(details, /^No route of listener "tls" matches/);
  assert.doesNotMatch(details, /inner/);
  assert.match((await proxy.record()).reason, /would match, but for its host: inner\.example\.com\.$/);
  const response = await fetch(`http://127.0.0.1:${proxy.port('clear')}/voice.VoiceAssistant/Say`);
  assert.doesNotMatch(await response.text(), /inner/);
  assert.match((await proxy.record()).reason, /inner\.example\.com/);
});

test('the most specific path wins', async (t) => {
  const { proxy } = await startRouted(t, [
    { match: { path: '/a.B/*' }, upstream: 'blue' },
    { match: { path: '/a.B/Exact' }, upstream: 'green' },
  ]);
  assert.equal(await servedBy(proxy, '/a.B/Other'), 'blue');
  assert.equal(await servedBy(proxy, '/a.B/Exact'), 'green');
  assert.equal(await servedBy(proxy, '/A.b/Exact'), undefined);
});

test('the host decides, exact and wildcard, whatever its case and port', async (t) => {
  const { proxy } = await startRouted(t, [
    { match: { host: 'grpc.example.com' }, upstream: 'blue' },
    { match: { host: '*.example.com' }, upstream: 'green' },
  ]);
  assert.equal(await servedBy(proxy, '/a.B/C', [[':authority', 'GRPC.Example.com:443']]), 'blue');
  assert.equal(await servedBy(proxy, '/a.B/C', [[':authority', 'other.example.com']]), 'green');
  assert.equal(await servedBy(proxy, '/a.B/C', [[':authority', 'example.org']]), undefined);
});

test('a header decides', async (t) => {
  const { proxy } = await startRouted(t, [
    { match: { path: '/*' }, upstream: 'blue' },
    { match: { path: '/*', headers: { 'x-tenant': 'green' } }, upstream: 'green' },
  ]);
  assert.equal(await servedBy(proxy, '/a.B/C', [['x-tenant', 'green']]), 'green');
  assert.equal(await servedBy(proxy, '/a.B/C', [['x-tenant', 'Green']]), 'blue');
  assert.equal(await servedBy(proxy, '/a.B/C'), 'blue');
});

test('the listener decides', async (t) => {
  const { proxy } = await startRouted(t, [
    { match: { listener: 'clear' }, upstream: 'blue' },
    { match: { listener: 'tls' }, upstream: 'green' },
  ]);
  assert.equal(await servedBy(proxy, '/a.B/C', [], 'clear'), 'blue');
  assert.equal(await servedBy(proxy, '/a.B/C', [], 'tls'), 'green');
});

test('on one connection every call is routed for itself', async (t) => {
  const { proxy } = await startRouted(t, [
    { match: { path: '/blue.S/*' }, upstream: 'blue' },
    { match: { path: '/green.S/*' }, upstream: 'green' },
  ]);
  const client = await proxy.rawClient('tls');
  for (let round = 0; round < 20; round++) {
    for (const name of ['blue', 'green']) {
      const headers = await client.wantHeaders(client.call({ path: `/${name}.S/Call` }));
      assert.equal(new Map(headers).get('served-by'), name);
    }
  }
});

test('a prefix is stripped before the call goes upstream, and the log keeps what the client sent', async (t) => {
  const { proxy, blue } = await startRouted(t, [
    { name: 'below', match: { path: '/grpc/*' }, stripPrefix: '/grpc', upstream: 'blue' },
  ]);
  assert.equal(await servedBy(proxy, '/grpc/a.B/C'), 'blue');
  assert.equal(blue.requests[0].field(':path'), '/a.B/C');
  const record = await proxy.record();
  assert.equal(record.method, '/grpc/a.B/C');
  assert.equal(record['route'], 'below');
});
