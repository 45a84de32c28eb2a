// What the calls of one kind have in common, and that a kind is never shared by calls that routes or policies tell apart.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { LocalDecision, Policy, RequestKind } from '../../src/calls/policy.ts';
import { checkRequest } from '../../src/h2/header-rules.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { grpcWebPolicy } from '../../src/policies/grpc-web/grpc-web-policy.ts';
import { CallKind, isOfSomeKind } from '../../src/relay/call-kind.ts';
import { NO_POLICIES } from '../../src/relay/call-plan.ts';
import { KindMemo } from '../../src/relay/kind-memo.ts';
import { RequestHead } from '../../src/relay/request-head.ts';
import type { Snapshot } from '../../src/relay/snapshot.ts';
import { receivedFields } from '../support/forwarded-fields.ts';
import { type Field, grpcList, PEER, policiedSnapshot, routeOf } from '../support/policied-snapshot.ts';
import { DecidingByRole } from '../support/policies.ts';
import { CLOSED } from '../support/refusing-policy.ts';

/** Any other finds as much; with this one a failure comes again. */
const SEED = 9113;

/** Says all that it is told of a request, so that no two requests that a policy can tell apart get the same decision. */
const TELLING: Policy = {
  key: 'telling',
  reads: [':method', 'x-role', 'x-second', 'content-type'],
  decide(kind, edit) {
    const { listener, clientAddress, tls, trusted, authority, path, httpMethod } = kind;
    const read = [':method', 'x-role', 'x-second', 'content-type'].map((name) => kind.header(name) ?? null);
    const told = JSON.stringify([
      listener,
      clientAddress,
      tls,
      trusted,
      authority,
      path,
      httpMethod,
      ...read,
    ]);
    edit.set('x-told', told);
    return kind.header('x-second') === 'refused' ? refusalBecause(told) : undefined;
  },
};

function refusalBecause(message: string): LocalDecision {
  return { kind: 'refuse', failure: { ...CLOSED, token: 'told', message } };
}

const ROUTES = [
  routeOf('/a.*'),
  routeOf('/web/*', 'web'),
  routeOf('/a.*', 'web', { 'x-route': 'other' }),
  routeOf('/lost/*', 'lost'),
  { ...routeOf('/pages.*'), grpcWeb: { origins: ['https://known.test'] } },
];

const SNAPSHOT: Snapshot = {
  ...policiedSnapshot([], [], ROUTES),
  plans: policiedSnapshot([TELLING], [], ROUTES).plans,
};

/** Of all fields that something decides by, and of one that nothing does. */
const FIELDS: readonly Field[] = [
  ['x-role', 'friend'],
  ['x-role', 'stranger'],
  ['x-role', ''],
  ['x-second', 'refused'],
  ['x-second', 'a'],
  ['x-route', 'other'],
  ['x-route', 'none'],
  ['traceparent', '00-1'],
  ['traceparent', '00-2'],
  ['user-agent', 'grpc-go/1.70.0'],
  ['user-agent', 'grpc-python/1.70.0'],
  ['content-type', 'text/plain'],
  ['content-type', 'application/grpc'],
  ['content-type', 'application/grpc-web'],
  ['origin', 'https://known.test'],
  ['origin', 'https://other.test'],
  ['access-control-request-method', 'POST'],
  ['accept', 'application/grpc-web-text'],
  ['host', 'one.test'],
  ['host', 'two.test'],
];

const pseudo = fc.record({
  ':method': fc.constantFrom('POST', 'GET', 'OPTIONS', 'CONNECT'),
  ':scheme': fc.constantFrom('https', 'http', undefined),
  ':authority': fc.constantFrom('one.test', 'two.test', 'one.test:8443', 'no host', '', undefined),
  ':path': fc.constantFrom(
    '/a.B/C',
    '/a.B/D',
    '/web/x',
    '/lost/x',
    '/pages.B/C',
    '/none',
    '*',
    '/a.B/\xff',
    undefined,
  ),
  ':protocol': fc.constantFrom('websocket', 'other', undefined, undefined),
});

type Pseudo = typeof pseudo extends fc.Arbitrary<infer Fields> ? Fields : never;

function listOf(fields: Pseudo, others: readonly Field[]): HeaderList {
  const list = new HeaderList();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) list.add(name, value);
  for (const [name, value] of others) list.add(name, value);
  return list;
}

/** Mostly one method with other fields, as clients call: kinds are to be met again. */
const requests: fc.Arbitrary<readonly HeaderList[]> = pseudo.chain((usual) => {
  const fields = fc.oneof({ weight: 4, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: pseudo });
  const others = fc.array(fc.constantFrom(...FIELDS), { maxLength: 4 });
  return fc
    .array(fc.tuple(fields, others), { minLength: 2, maxLength: 12 })
    .map((all) => all.map((one) => listOf(...one)));
});

/** The requests of one connection: of HTTP/2 all of them went through its rules, of HTTP/1.1 none. */
const connections = fc.tuple(fc.boolean(), requests);

/** Whether the list passes the rules of HTTP/2. No other one comes so far. */
function isChecked(list: HeaderList): boolean {
  try {
    checkRequest(list, 1, true);
    return true;
  } catch {
    return false;
  }
}

/** All that follows from a kind. */
function decided(kind: CallKind, list: HeaderList): unknown {
  const { route, upstream, authority, path, httpMethod, isGrpc, local, requestTarget, translation } = kind;
  const edited = kind.edits.applyTo(HeaderList.of(['x-told', 'by the client']));
  const { decision } = new RequestHead(list, kind);
  const sent = decision.kind === 'forward' ? receivedFields(decision) : decision;
  return {
    kind: { route, upstream, authority, path, httpMethod, isGrpc, local, requestTarget },
    isTranslated: translation !== undefined,
    edited: edited.values,
    sent,
  };
}

for (const [name, snapshot] of [
  ['a policy that tells all it is told', SNAPSHOT],
  ['gRPC-Web', { ...SNAPSHOT, plans: webPlans() }],
  ['no policy', { ...SNAPSHOT, plans: NO_POLICIES }],
] as const) {
  test(`a kind that was met before decides exactly as a fresh one would (${name})`, () => {
    const property = fc.property(connections, ([isHttp2, lists]) => {
      const memo = new KindMemo();
      for (const list of lists) {
        if (isHttp2 && !isChecked(list)) continue;
        const fresh = decided(new CallKind(list, PEER, snapshot), list);
        assert.deepEqual(decided(memo.kindOf(list, PEER, snapshot), list), fresh);
      }
    });
    fc.assert(property, { seed: SEED, numRuns: 600 });
  });
}

function webPlans(): Snapshot['plans'] {
  const web = grpcWebPolicy(ROUTES.at(-1));
  const unrouted = grpcWebPolicy(undefined);
  assert.ok(web !== undefined && unrouted !== undefined);
  const routed = policiedSnapshot([web], [], ROUTES).plans;
  const none = policiedSnapshot([unrouted], [], ROUTES).plans;
  return { of: (route) => (route === undefined ? none : routed).of(route) };
}

test('a policy reads all fields of a name as one list, so that none is hidden behind another', () => {
  const read: (string | undefined)[] = [];
  const policy: Policy = {
    key: 'k',
    reads: ['x-role'],
    decide: (kind) => void read.push(kind.header('x-role')),
  };
  const snapshot = policiedSnapshot([policy]);
  const kind = new CallKind(grpcList(['x-role', 'first'], ['x-role', 'second']), PEER, snapshot);
  assert.deepEqual(read, ['first, second']);
  assert.equal(kind.fits(grpcList(['x-role', 'first']), snapshot), false);
  assert.equal(kind.fits(grpcList(['x-role', 'first'], ['x-role', 'second']), snapshot), true);
  assert.equal(kind.fits(grpcList(['x-role', 'first, second']), snapshot), true, 'one list in two spellings');
  assert.equal(kind.fits(grpcList(['x-role', 'second'], ['x-role', 'first']), snapshot), false);
});

test('a route is chosen by all fields of a name as one list, as services may read the last', () => {
  const routes = [routeOf('/*'), routeOf('/*', 'web', { 'x-route': 'other' })];
  const snapshot = policiedSnapshot([], [], routes);
  const upstreamOf = (...values: readonly string[]): string =>
    new CallKind(grpcList(...values.map((value) => ['x-route', value] as const)), PEER, snapshot).upstream;
  assert.equal(upstreamOf('other'), 'web');
  assert.equal(upstreamOf('other', 'none'), 'voice');
  assert.equal(upstreamOf('none', 'other'), 'voice');
  const kind = new CallKind(grpcList(['x-route', 'other']), PEER, snapshot);
  assert.equal(kind.fits(grpcList(['x-route', 'other'], ['x-route', 'none']), snapshot), false);
});

test('a kind does not fit where any field that is read differs, is missing or is new', () => {
  const snapshot = policiedSnapshot([new DecidingByRole()]);
  const kind = new CallKind(grpcList(['x-role', 'friend']), PEER, snapshot);
  assert.equal(kind.fits(grpcList(['traceparent', '00-9'], ['x-role', 'friend']), snapshot), true);
  const differing: readonly HeaderList[] = [
    grpcList(),
    grpcList(['x-role', '']),
    grpcList(['x-role', 'Friend']),
    replaced(':authority', 'other.test'),
    replaced(':path', '/a.B/c'),
    replaced(':method', 'PUT'),
    replaced('content-type', 'application/grpc+proto'),
  ];
  for (const list of differing) assert.equal(kind.fits(list, snapshot), false, list.values.join(' '));
  assert.equal(kind.fits(grpcList(['x-role', 'friend']), policiedSnapshot([new DecidingByRole()])), false);
});

function replaced(name: string, value: string): HeaderList {
  const list = grpcList(['x-role', 'friend']);
  list.setValue(list.names.indexOf(name), value);
  return list;
}

test('a policy is told what the connection and the request are', () => {
  const kinds: RequestKind[] = [];
  const policy: Policy = { key: 'k', decide: (kind) => void kinds.push(kind) };
  const kind = new CallKind(grpcList(), PEER, policiedSnapshot([policy]));
  assert.deepEqual(kinds, [kind]);
  const [{ listener, clientAddress, tls, trusted, authority, path, httpMethod }] = kinds;
  assert.deepEqual(
    [listener, clientAddress, tls, trusted, authority, path, httpMethod],
    ['public', '192.0.2.1', 'TLSv1.3', false, 'example.test', '/a.B/C', 'POST'],
  );
  assert.equal(kind.isConfiguredHost('example.test'), false);
});

test('what no service could be sent is refused before any policy is asked', () => {
  const policy = new DecidingByRole();
  const snapshot = policiedSnapshot([policy]);
  const forms: readonly (readonly [HeaderList, token: string])[] = [
    [HeaderList.of([':method', 'CONNECT'], [':authority', 'a:1']), 'connect_unsupported'],
    [HeaderList.of([':method', 'GET'], [':authority', 'no host'], [':path', '/']), 'authority_invalid'],
    [
      HeaderList.of([':method', 'GET'], [':authority', 'a'], ['host', 'b'], [':path', '/']),
      'authority_invalid',
    ],
    [grpcList(['content-type', 'text/plain']), 'content_type_refused'],
  ];
  for (const [list, token] of forms) {
    const { local } = new CallKind(list, PEER, snapshot);
    assert.equal(local?.kind === 'refuse' && local.failure.token, token);
  }
  const mismatched = new CallKind(grpcList(), { ...PEER, mismatch: 'plaintext_on_tls_port' }, snapshot);
  assert.equal(mismatched.local?.kind, 'refuse');
  assert.equal(policy.asked, 0);
});

test('requests that name their host or content-type twice, overflow or came the wrong way are of no kind', () => {
  // As a request of HTTP/1.1 comes here, and as one of HTTP/2 does.
  for (const check of [() => undefined, (list: HeaderList) => checkRequest(list, 1)])
    for (const [isOne, field] of [
      [true, ['x-role', 'a']],
      [false, ['host', 'example.test']],
      [false, ['content-type', 'application/grpc']],
    ] as const) {
      const list = grpcList(field);
      check(list);
      assert.equal(isOfSomeKind(list, PEER), isOne, field[0]);
    }
  assert.equal(isOfSomeKind(grpcList(), { ...PEER, mismatch: 'plaintext_on_tls_port' }), false);
  const large = grpcList();
  large.overflowedAt = 'x-large';
  assert.equal(isOfSomeKind(large, PEER), false);
});
