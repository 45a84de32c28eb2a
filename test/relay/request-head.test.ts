// What is decided from a request's header fields alone: where to, with which fields, or why not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LimitsConfig } from '../../src/config/config.ts';
import type { RouteConfig } from '../../src/config/route-config.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { CallKind } from '../../src/relay/call-kind.ts';
import { NO_POLICIES } from '../../src/relay/call-plan.ts';
import type { DownstreamPeer } from '../../src/relay/downstream-peer.ts';
import { RequestHead } from '../../src/relay/request-head.ts';
import type { CallTarget, Snapshot } from '../../src/relay/snapshot.ts';
import { compileRoutes } from '../../src/routing/route-table.ts';
import { LIMITS as ANY_LIMITS } from '../support/local-settings.ts';
import { standIn } from '../support/stand-in.ts';

type Field = readonly [name: string, value: string];

const LIMITS: LimitsConfig = {
  ...ANY_LIMITS,
  concurrentStreams: 1,
  headerFields: 99,
};
const VOICE = standIn<CallTarget>({ name: 'voice', protocol: 'h2c' });
const WEBSITE = standIn<CallTarget>({ name: 'website', protocol: 'http1' });
const SECURE = standIn<CallTarget>({ name: 'secure', protocol: 'h2' });
const PEER: DownstreamPeer = {
  listener: 'public',
  client: '192.0.2.1:5000',
  clientAddress: '192.0.2.1',
  tls: 'TLSv1.3',
  trusted: false,
};

function route(path: string, stripPrefix?: string, upstream = 'voice'): RouteConfig {
  const match = { path, host: undefined, headers: new Map(), listener: undefined };
  return { name: `route of ${path}`, match, stripPrefix, grpcWeb: undefined, upstream };
}

const SNAPSHOT: Snapshot = {
  epoch: 1,
  routes: compileRoutes([
    route('/a.*'),
    route('/grpc/*', '/grpc'),
    route('/lost/*', undefined, 'lost'),
    route('/web/*', '/web', 'website'),
    route('/tls/*', undefined, 'secure'),
  ]),
  upstreams: new Map([VOICE, WEBSITE, SECURE].map((upstream) => [upstream.name, upstream])),
  plans: NO_POLICIES,
  limits: LIMITS,
};

function headOf(list: HeaderList, peer = PEER): RequestHead {
  return new RequestHead(list, new CallKind(list, peer, SNAPSHOT));
}

const BASE: readonly Field[] = [
  [':method', 'POST'],
  [':scheme', 'https'],
];

function head(fields: readonly Field[], path = '/a.B/C', peer: Partial<DownstreamPeer> = {}): RequestHead {
  const list = HeaderList.of(...BASE, [':path', path], ...fields);
  return headOf(list, { ...PEER, ...peer });
}

const GRPC: Field = ['content-type', 'application/grpc'];
const AUTHORITY: Field = [':authority', 'example.test'];

function refusal({ decision }: RequestHead): string {
  return decision.kind === 'refuse' ? decision.failure.token : 'not refused';
}

function messageOf({ decision }: RequestHead): string {
  return decision.kind === 'refuse' ? decision.failure.message : '';
}

function sentField({ decision }: RequestHead, name: string): string | undefined {
  return decision.kind === 'forward' ? decision.fields.get(name) : undefined;
}

test('a call is routed, and what the log says of its kind is known', () => {
  const call = head([AUTHORITY, GRPC]);
  assert.equal(refusal(call), 'not refused');
  assert.equal(call.decision.kind === 'forward' && call.decision.upstream, VOICE);
  const { listener, client, tls, authority, method, route: name, upstream, isGrpc } = call;
  assert.deepEqual(
    { listener, client, tls, authority, method, name, upstream, isGrpc },
    {
      listener: 'public',
      client: '192.0.2.1:5000',
      tls: 'TLSv1.3',
      authority: 'example.test',
      method: '/a.B/C',
      name: 'route of /a.*',
      upstream: 'voice',
      isGrpc: true,
    },
  );
  assert.equal(call.snapshot, SNAPSHOT);
});

test('a stripped prefix is gone upstream and still there in the log', () => {
  const call = head([AUTHORITY, GRPC], '/grpc/a.B/C');
  assert.equal(sentField(call, ':path'), '/a.B/C');
  assert.equal(call.method, '/grpc/a.B/C');
});

test('host counts where there is no :authority, and only there', () => {
  const byHost = head([GRPC, ['host', 'from-host.test']]);
  assert.equal(byHost.authority, 'from-host.test');
  assert.equal(sentField(byHost, ':authority'), 'from-host.test');
  const both = head([AUTHORITY, GRPC, ['host', 'Example.test:443']]);
  assert.equal(both.authority, 'example.test');
  assert.equal(sentField(both, ':authority'), 'example.test');
  assert.equal(sentField(both, 'host'), undefined);
});

test('a timeout of a gRPC call is read, and kept as the client wrote it', () => {
  const call = head([AUTHORITY, GRPC, ['grpc-timeout', '1500m']]);
  assert.deepEqual([call.timeoutMs, call.timeoutText], [1500, '1500m']);
  const without = head([AUTHORITY, GRPC]);
  assert.deepEqual([without.timeoutMs, without.timeoutText], [undefined, undefined]);
});

test('a malformed grpc-timeout of a request that is not gRPC is left out', () => {
  const request = head([AUTHORITY, ['grpc-timeout', 'soon']]);
  assert.equal(request.isGrpc, false);
  assert.deepEqual([request.timeoutMs, request.timeoutText], [undefined, undefined]);
  assert.equal(refusal(request), 'not refused');
  assert.equal(sentField(request, 'grpc-timeout'), undefined);
});

test('a grpc-timeout is a deadline also of a request that is not gRPC, since a service may take it for one', () => {
  const request = head([AUTHORITY, ['grpc-timeout', '1500m']]);
  assert.equal(request.isGrpc, false);
  assert.deepEqual([request.timeoutMs, request.timeoutText], [1500, '1500m']);
  assert.equal(sentField(request, 'grpc-timeout'), undefined);
});

test('an x-request-id is kept of trusted clients only', () => {
  const mine: Field = ['x-request-id', 'mine'];
  assert.equal(head([AUTHORITY, GRPC, mine]).requestId, undefined);
  assert.equal(head([AUTHORITY, GRPC, mine], '/a.B/C', { trusted: true }).requestId, 'mine');
  assert.equal(head([AUTHORITY, GRPC], '/a.B/C', { trusted: true }).requestId, undefined);
});

const PYTHON: Field = ['user-agent', 'grpc-python/1.51.1 grpc-c/29.0.0 (linux; chttp2)'];

test('a call that came in by the wrong way is told so in the words of its library, whatever it asks', () => {
  const wrong = { mismatch: 'plaintext_on_tls_port', port: 8443, tls: '' } as const;
  for (const path of ['/a.B/C', '/nowhere', '/web/']) {
    const call = head([AUTHORITY, GRPC, PYTHON], path, wrong);
    assert.equal(refusal(call), 'plaintext_on_tls_port');
    assert.match(
      messageOf(call),
      /^Port 8443 speaks TLS .*grpc\.secure_channel\(\.\.\.\), not grpc\.insecure_channel/,
    );
  }
});

function webSocket(path: string, protocol = 'websocket'): RequestHead {
  return headOf(
    HeaderList.of(
      [':method', 'CONNECT'],
      [':protocol', protocol],
      [':scheme', 'https'],
      [':path', path],
      AUTHORITY,
      ['sec-websocket-version', '13'],
    ),
  );
}

test('a WebSocket by extended CONNECT goes to HTTP/1.1 upstreams, and nowhere else', () => {
  const socket = webSocket('/web/chat');
  assert.equal(socket.decision.kind === 'forward' && socket.decision.upstream, WEBSITE);
  assert.deepEqual(
    [':method', ':protocol', ':path', ':authority', 'sec-websocket-version'].map((name) =>
      sentField(socket, name),
    ),
    ['CONNECT', 'websocket', '/chat', 'example.test', '13'],
  );
  assert.equal(refusal(webSocket('/a.B/C')), 'connect_unsupported');
  assert.equal(refusal(webSocket('/web/chat', 'connect-udp')), 'connect_unsupported');
  assert.equal(refusal(webSocket('/nowhere')), 'no_route');
});

test('the scheme sent is that of the connection to the upstream', () => {
  assert.equal(sentField(head([AUTHORITY, GRPC]), ':scheme'), 'http');
  assert.equal(sentField(head([AUTHORITY, GRPC], '/tls/C', { tls: '' }), ':scheme'), 'https');
  assert.equal(sentField(head([AUTHORITY], '/web/x'), ':scheme'), 'http');
});

test('every refusal has its token', () => {
  const connect = headOf(HeaderList.of([':method', 'CONNECT'], [':authority', 'example.test:443']));
  assert.equal(refusal(connect), 'connect_unsupported');
  assert.equal(refusal(head([AUTHORITY, GRPC], '/unknown/C')), 'no_route');
  assert.equal(refusal(head([AUTHORITY, GRPC], '/lost/C')), 'no_route');
  for (const value of ['', 'soon', '1', '123456789S', '-1S']) {
    assert.equal(refusal(head([AUTHORITY, GRPC, ['grpc-timeout', value]])), 'timeout_malformed');
  }
});

test('a list that was cut off is refused before anything that is missing can be misunderstood', () => {
  const list = HeaderList.of(...BASE, [':path', '/nowhere'], GRPC, ['grpc-timeout', 'soon']);
  list.overflowedAt = 'x-long';
  const { decision } = headOf(list);
  assert.equal(decision.kind, 'refuse');
  const { token, message } = decision.kind === 'refuse' ? decision.failure : { token: '', message: '' };
  assert.equal(token, 'request_headers_too_large');
  assert.match(message, /16384 bytes and 99 fields .*"x-long"/);
});

test('the sentence of a missing route names what was asked for, in bounds', () => {
  assert.match(
    messageOf(head([AUTHORITY, GRPC], '/x.Y/Z')),
    /listener "public" matches \/x\.Y\/Z \(host example\.test\)/,
  );
  assert.match(messageOf(head([GRPC], '/x.Y/Z')), /\(host none\)/);
  const long = head([[':authority', 'h'.repeat(9000)], GRPC], `/${'p'.repeat(9000)}`);
  assert.ok(messageOf(long).length < 1000);
});
