// What the header fields of a gRPC-Web call or of a browser's preflight decide: who may call, what the service is sent,
// and what a page may read.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GrpcWebConfig } from '../../../src/config/route-config.ts';
import { HeaderList } from '../../../src/h2/hpack/header-list.ts';
import { GrpcWebCall } from '../../../src/policies/grpc-web/grpc-web-call.ts';
import { CallKind } from '../../../src/relay/call-kind.ts';
import type { DownstreamPeer } from '../../../src/relay/downstream-peer.ts';
import { RequestHead } from '../../../src/relay/request-head.ts';
import type { CallTarget } from '../../../src/relay/snapshot.ts';
import { compileRoutes } from '../../../src/routing/route-table.ts';
import { LIMITS } from '../../support/local-settings.ts';
import { plansWithoutParts } from '../../support/plans-without-parts.ts';
import { routeConfig } from '../../support/route-config.ts';
import { standIn } from '../../support/stand-in.ts';

type Field = readonly [name: string, value: string];

const PEER: DownstreamPeer = {
  listener: 'public',
  client: '192.0.2.1:5000',
  clientAddress: '192.0.2.1',
  tls: 'TLSv1.3',
  trusted: false,
};
const EVERYBODY: GrpcWebConfig = { origins: undefined };
const FRIENDS: GrpcWebConfig = { origins: ['https://app.test'] };
const WEB: Field = ['content-type', 'application/grpc-web+proto'];
const STATUS = 'grpc-status, grpc-message, grpc-status-details-bin';

function head(
  grpcWeb: GrpcWebConfig | undefined,
  fields: readonly Field[],
  {
    method = 'POST',
    path = '/a.B/C',
    host,
    authority = 'api.test',
    ...peer
  }: Partial<DownstreamPeer & { method: string; path: string; host: string; authority: string }> = {},
): RequestHead {
  const list = HeaderList.of(
    [':method', method],
    [':scheme', 'https'],
    [':path', path],
    [':authority', authority],
    ...fields,
  );
  const routes = [routeConfig({ name: 'web', match: { path: '/a.*', host }, grpcWeb })];
  const snapshot = {
    epoch: 1,
    routes: compileRoutes(routes),
    upstreams: new Map([['voice', standIn<CallTarget>({ name: 'voice', protocol: 'h2c' })]]),
    plans: plansWithoutParts(routes, noFault),
    limits: {
      ...LIMITS,
      concurrentStreams: 1,
      headerFields: 99,
    },
  };
  return new RequestHead(list, new CallKind(list, { ...PEER, ...peer }, snapshot));
}

function preflight(grpcWeb: GrpcWebConfig | undefined, ...fields: readonly Field[]): RequestHead {
  return head(grpcWeb, [['access-control-request-method', 'POST'], ...fields], { method: 'OPTIONS' });
}

function text(list: HeaderList | undefined): string[] {
  return list?.names.map((name, index) => `${name}: ${list.values[index]}`) ?? [];
}

function sent({ decision }: RequestHead): string[] {
  return decision.kind === 'forward' ? text(decision.fields) : [decision.kind];
}

function answered({ decision }: RequestHead): string[] {
  return decision.kind === 'answer' ? text(decision.response.fields) : [decision.kind];
}

function refused({ decision }: RequestHead): string {
  return decision.kind === 'refuse' ? decision.failure.token : 'not refused';
}

function webResponse({ translation }: RequestHead, native: HeaderList): HeaderList | undefined {
  assert.ok(translation === undefined || translation instanceof GrpcWebCall);
  return translation?.webResponse(native);
}

function noFault(error: unknown): void {
  throw error;
}

/** The fields of a response with one field of its own. */
function response(call: RequestHead): string[] {
  const native = HeaderList.of(
    [':status', '200'],
    ['content-type', 'application/grpc+proto'],
    ['x-own', 'a'],
  );
  return text(webResponse(call, native));
}

test('the service sees a call of native gRPC, with all the metadata', () => {
  const call = head(EVERYBODY, [
    ['content-type', 'application/grpc-web-text+proto'],
    ['content-length', '12'],
    ['accept', 'application/grpc-web-text'],
    ['accept-encoding', 'gzip, br'],
    ['grpc-timeout', '2S'],
    ['x-grpc-web', '1'],
    ['authorization', 'Bearer x'],
    ['key-bin', 'AAEC'],
  ]);
  assert.equal(call.isGrpc, true);
  assert.equal(call.timeoutMs, 2000);
  assert.deepEqual(sent(call), [
    ':method: POST',
    ':scheme: http',
    ':path: /a.B/C',
    ':authority: api.test',
    'x-grpc-web: 1',
    'authorization: Bearer x',
    'key-bin: AAEC',
    'content-type: application/grpc+proto',
    'grpc-accept-encoding: identity',
    'te: trailers',
    'x-forwarded-for: 192.0.2.1',
    'x-forwarded-proto: https',
    'x-forwarded-host: api.test',
  ]);
});

test('a client that says which compression it knows is believed', () => {
  const fields = sent(head(EVERYBODY, [WEB, ['grpc-accept-encoding', 'gzip']]));
  assert.deepEqual(
    fields.filter((field) => field.startsWith('grpc-accept-encoding')),
    ['grpc-accept-encoding: gzip'],
  );
});

test('native gRPC on the same route, and gRPC-Web on a route without it, are not translated', () => {
  const native = head(EVERYBODY, [['content-type', 'application/grpc']]);
  assert.equal(native.translation, undefined);
  assert.equal(native.isGrpc, true);
  const other = head(undefined, [WEB]);
  assert.equal(other.translation, undefined);
  assert.equal(other.isGrpc, false);
  assert.ok(sent(other).includes('content-type: application/grpc-web+proto'));
});

test('a call that no route matches is answered in gRPC-Web', () => {
  const call = head(undefined, [WEB], { path: '/nowhere' });
  assert.equal(refused(call), 'no_route');
  assert.ok(response(call).includes('content-type: application/grpc-web+proto'));
});

test('where no route matches no page is let read why, whichever pages other routes let in', () => {
  const origin: Field = ['origin', 'https://any.test'];
  const call = head(EVERYBODY, [WEB, origin], { authority: 'elsewhere.test', path: '/nowhere' });
  assert.equal(refused(call), 'no_route');
  assert.deepEqual(
    response(call).filter((field) => field.startsWith('access-control-')),
    [],
  );
  const asked = head(EVERYBODY, [origin, ['access-control-request-method', 'POST']], {
    method: 'OPTIONS',
    path: '/nowhere',
  });
  assert.equal(refused(asked), 'no_route');
});

test('a client that is no page gets no CORS fields', () => {
  assert.deepEqual(response(head(FRIENDS, [WEB])), [
    ':status: 200',
    'x-own: a',
    'content-type: application/grpc-web+proto',
  ]);
});

test('with grpcWeb: true a page of any origin may read the answer, without credentials', () => {
  assert.deepEqual(response(head(EVERYBODY, [WEB, ['origin', 'https://any.test']])), [
    ':status: 200',
    'x-own: a',
    'content-type: application/grpc-web+proto',
    'access-control-allow-origin: *',
    `access-control-expose-headers: ${STATUS}, x-own`,
  ]);
});

test('a page of a configured origin may call with credentials', () => {
  const fields = response(head(FRIENDS, [WEB, ['origin', 'https://app.test']]));
  assert.ok(fields.includes('access-control-allow-origin: https://app.test'));
  assert.ok(fields.includes('access-control-allow-credentials: true'));
  assert.ok(fields.includes('vary: origin'));
});

test('what the service says of CORS itself does not stand beside what the proxy says', () => {
  const call = head(EVERYBODY, [WEB, ['origin', 'https://any.test']]);
  const native = HeaderList.of(
    [':status', '200'],
    ['content-type', 'application/grpc'],
    ['content-length', '9'],
    ['trailer', 'grpc-status'],
    ['access-control-allow-origin', 'https://other.test'],
    ['access-control-allow-credentials', 'true'],
    ['access-control-expose-headers', 'x'],
    ['set-cookie', 'a=b'],
    ['x-own', '1'],
    ['x-own', '2'],
  );
  assert.deepEqual(text(webResponse(call, native)), [
    ':status: 200',
    'set-cookie: a=b',
    'x-own: 1',
    'x-own: 2',
    'content-type: application/grpc-web+proto',
    'access-control-allow-origin: *',
    `access-control-expose-headers: ${STATUS}, x-own`,
  ]);
});

test('a page of another origin is refused, in gRPC-Web and without CORS fields', () => {
  const call = head(FRIENDS, [WEB, ['origin', 'https://evil.test']]);
  assert.equal(refused(call), 'grpc_web_origin_refused');
  assert.ok(call.decision.kind === 'refuse');
  assert.match(call.decision.failure.message, /https:\/\/evil\.test .*grpcWeb\.origins of route "web"/);
  assert.ok(!response(call).some((field) => field.startsWith('access-control-')));
  assert.equal(refused(head(FRIENDS, [WEB, ['origin', 'null']])), 'grpc_web_origin_refused');
});

const OWN: readonly (readonly [
  what: string,
  origin: string,
  peer: Partial<DownstreamPeer>,
  fields: readonly Field[],
])[] = [
  ['its scheme and host', 'https://api.test', {}, []],
  ['plaintext, by an address', 'http://192.0.2.7:8080', { tls: '' }, [[':authority', '192.0.2.7:8080']]],
  ['plaintext, by an IPv6 address', 'http://[::1]', { tls: '' }, [[':authority', '[::1]:80']]],
  ['plaintext, on this machine', 'http://localhost:8080', { tls: '' }, [[':authority', 'localhost:8080']]],
  ['the default port', 'https://api.test', {}, [[':authority', 'API.test:443']]],
  ['another port', 'https://api.test:8443', {}, [[':authority', 'api.test:8443']]],
  [
    'what a trusted proxy says',
    'https://pub.test',
    { tls: '', trusted: true },
    [
      ['x-forwarded-proto', 'https'],
      ['x-forwarded-host', 'pub.test'],
    ],
  ],
];

for (const [what, origin, peer, fields] of OWN) {
  test(`pages from where the call goes to may always call: ${what}`, () => {
    const list = HeaderList.of([':method', 'POST'], [':scheme', 'https'], [':path', '/a.B/C']);
    for (const [name, value] of fields) list.add(name, value);
    if (list.get(':authority') === undefined) list.add(':authority', 'api.test');
    list.add(...WEB);
    list.add('origin', origin);
    const { snapshot } = head(FRIENDS, [WEB]);
    assert.equal(
      refused(new RequestHead(list, new CallKind(list, { ...PEER, ...peer }, snapshot))),
      'not refused',
    );
  });
}

test('over plain http a name that no route names may be somebody else, whose pages are foreign (DNS rebinding)', () => {
  const own: Field = ['origin', 'http://api.test'];
  const clear = { tls: '' } as const;
  assert.equal(refused(head(FRIENDS, [WEB, own], clear)), 'grpc_web_origin_refused');
  for (const host of ['api.test', '*.test'])
    assert.equal(refused(head(FRIENDS, [WEB, own], { ...clear, host })), 'not refused', host);
  assert.equal(
    refused(
      head(FRIENDS, [WEB, ['origin', 'http://app.localhost']], { ...clear, authority: 'app.localhost' }),
    ),
    'not refused',
  );
  // A trusted proxy that came by plain http itself has shown no certificate either.
  const claims: readonly Field[] = [
    ['x-forwarded-proto', 'http'],
    ['x-forwarded-host', 'evil.test'],
  ];
  const rebound = head(FRIENDS, [WEB, ['origin', 'http://evil.test'], ...claims], { trusted: true });
  assert.equal(refused(rebound), 'grpc_web_origin_refused');
  // Without origins any page may call, and gets no credentials.
  assert.equal(refused(head(EVERYBODY, [WEB, own], clear)), 'not refused');
});

test('pages of the same host by another scheme or port are foreign, and nobody may claim otherwise', () => {
  for (const origin of ['http://api.test', 'https://api.test:8443', 'https://api.test.evil.test']) {
    assert.equal(refused(head(FRIENDS, [WEB, ['origin', origin]])), 'grpc_web_origin_refused', origin);
  }
  const claimed = head(FRIENDS, [WEB, ['origin', 'https://evil.test'], ['x-forwarded-host', 'evil.test']]);
  assert.equal(refused(claimed), 'grpc_web_origin_refused');
});

test('a preflight is answered with what was asked for', () => {
  const asked: Field = ['access-control-request-headers', 'content-type,x-grpc-web,authorization'];
  assert.deepEqual(answered(preflight(EVERYBODY, ['origin', 'https://any.test'], asked)), [
    ':status: 204',
    'access-control-allow-origin: *',
    'access-control-allow-methods: POST',
    'access-control-allow-headers: content-type,x-grpc-web,authorization',
    'access-control-max-age: 7200',
  ]);
  assert.deepEqual(answered(preflight(FRIENDS, ['origin', 'https://app.test'])), [
    ':status: 204',
    'access-control-allow-origin: https://app.test',
    'access-control-allow-credentials: true',
    'vary: origin',
    'access-control-allow-methods: POST',
    'access-control-max-age: 7200',
  ]);
});

test('names that are no field names, and endless lists of them, are not repeated to the browser', () => {
  for (const asked of ['a b', 'a,,b', 'a"b', ',', `a${',a'.repeat(3000)}`]) {
    const answer = answered(
      preflight(EVERYBODY, ['origin', 'https://any.test'], ['access-control-request-headers', asked]),
    );
    assert.ok(!answer.some((field) => field.startsWith('access-control-allow-headers')), asked.slice(0, 9));
  }
});

test('a preflight of another origin is refused with 403', () => {
  const refusal = preflight(FRIENDS, ['origin', 'https://evil.test']);
  assert.equal(refused(refusal), 'grpc_web_origin_refused');
  assert.ok(refusal.decision.kind === 'refuse');
  assert.equal(refusal.decision.failure.httpStatus, 403);
  assert.equal(refusal.isGrpc, false);
});

test('OPTIONS that is no preflight, and a preflight on another route, go to the service', () => {
  assert.ok(sent(preflight(EVERYBODY)).includes(':method: OPTIONS'));
  assert.ok(
    sent(head(EVERYBODY, [['origin', 'https://any.test']], { method: 'OPTIONS' })).includes(
      ':method: OPTIONS',
    ),
  );
  assert.ok(sent(preflight(undefined, ['origin', 'https://any.test'])).includes(':method: OPTIONS'));
});
