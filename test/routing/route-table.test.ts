import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { RouteConfig } from '../../src/config/route-config.ts';
import { compileRoutes } from '../../src/routing/route-table.ts';
import { compareSpecificity } from '../../src/routing/specificity.ts';
import { routeConfig } from '../support/route-config.ts';

interface Criteria {
  readonly path?: string | undefined;
  readonly host?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly listener?: string | undefined;
}

function route(name: string, { path, host, headers = {}, listener }: Criteria): RouteConfig {
  const match = { path, host, headers: new Map(Object.entries(headers)), listener };
  return routeConfig({ name, match });
}

interface Request {
  readonly path?: string;
  readonly authority?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly listener?: string;
}

/** Name of the route that takes the request, the same for the routes in either order. */
function winner(routes: readonly RouteConfig[], request: Request): string | undefined {
  const { path = '/a.B/C', authority = 'example.com', headers = {}, listener = 'public' } = request;
  const routed = { path, authority, listener, headers: new Map(Object.entries(headers)) };
  const name = compileRoutes(routes).match(routed)?.name;
  assert.equal(compileRoutes(routes.toReversed()).match(routed)?.name, name);
  return name;
}

test('an exact path wins over a prefix, a longer prefix over a shorter one', () => {
  const routes = [
    route('all', { path: '/*' }),
    route('package', { path: '/a.*' }),
    route('service', { path: '/a.B/*' }),
    route('method', { path: '/a.B/C' }),
  ];
  assert.equal(winner(routes, { path: '/a.B/C' }), 'method');
  assert.equal(winner(routes, { path: '/a.B/D' }), 'service');
  assert.equal(winner(routes, { path: '/a.C/D' }), 'package');
  assert.equal(winner(routes, { path: '/b' }), 'all');
});

test('an exact path wins over a longer prefix', () => {
  const routes = [route('prefix', { path: '/a/b/c*' }), route('exact', { path: '/a/b/c' })];
  assert.equal(winner(routes, { path: '/a/b/c' }), 'exact');
});

test('an exact host wins over a wildcard, a longer wildcard over a shorter one', () => {
  const routes = [
    route('any', { path: '/*' }),
    route('com', { host: '*.com' }),
    route('example', { host: '*.example.com' }),
    route('exact', { host: 'grpc.example.com' }),
  ];
  assert.equal(winner(routes, { authority: 'grpc.example.com' }), 'exact');
  assert.equal(winner(routes, { authority: 'GRPC.Example.Com:8443' }), 'exact');
  assert.equal(winner(routes, { authority: 'other.example.com' }), 'example');
  assert.equal(winner(routes, { authority: 'example.com' }), 'com');
  assert.equal(winner(routes, { authority: 'example.org' }), 'any');
  assert.equal(winner(routes, { authority: '' }), 'any');
});

test('an IPv6 host is matched with its brackets and without its port', () => {
  const routes = [route('six', { host: '[::1]' })];
  assert.equal(winner(routes, { authority: '[::1]:8443' }), 'six');
  assert.equal(winner(routes, { authority: '[::2]:8443' }), undefined);
});

test('listener counts before host, host before path, path before headers', () => {
  const routes = [
    route('headers', { headers: { a: '1', b: '1', c: '1' } }),
    route('path', { path: '/a*' }),
    route('host', { host: '*.com' }),
    route('listener', { listener: 'internal' }),
  ];
  const request = { path: '/a', authority: 'x.com', headers: { a: '1', b: '1', c: '1' } };
  assert.equal(winner(routes, { ...request, listener: 'internal' }), 'listener');
  assert.equal(winner(routes, request), 'host');
  assert.equal(winner(routes, { ...request, authority: 'x.org' }), 'path');
  assert.equal(winner(routes, { ...request, authority: 'x.org', path: '/b' }), 'headers');
});

test('every criterion must hold, or the next route is tried', () => {
  const routes = [
    route('fallback', { path: '/*' }),
    route('strict', { path: '/a', host: 'example.com', headers: { tenant: 'blue' }, listener: 'public' }),
  ];
  const request = { path: '/a', headers: { tenant: 'blue' } };
  assert.equal(winner(routes, request), 'strict');
  assert.equal(winner(routes, { ...request, path: '/b' }), 'fallback');
  assert.equal(winner(routes, { ...request, authority: 'example.org' }), 'fallback');
  assert.equal(winner(routes, { ...request, headers: { tenant: 'Blue' } }), 'fallback');
  assert.equal(winner(routes, { ...request, headers: {} }), 'fallback');
  assert.equal(winner(routes, { ...request, listener: 'internal' }), 'fallback');
});

test('more headers win over fewer, and the alphabet decides between as many', () => {
  const routes = [
    route('b', { headers: { b: '1' } }),
    route('a', { headers: { a: '1' } }),
    route('both', { headers: { b: '1', c: '1' } }),
  ];
  assert.equal(winner(routes, { headers: { a: '1', b: '1' } }), 'a');
  assert.equal(winner(routes, { headers: { a: '1', b: '1', c: '1' } }), 'both');
});

test('/* counts as no path, so that headers decide', () => {
  const routes = [route('all', { path: '/*' }), route('tenant', { headers: { tenant: 'blue' } })];
  assert.equal(winner(routes, { headers: { tenant: 'blue' } }), 'tenant');
});

test('paths are compared byte for byte, without their query', () => {
  const routes = [route('exact', { path: '/a.B/C' })];
  assert.equal(winner(routes, { path: '/a.B/C?x=/y' }), 'exact');
  for (const path of ['/a.b/C', '/a.B/C/', '/a.B/%43', '/x/../a.B/C', '/a.B/C#', 'a.B/C', '']) {
    assert.equal(winner(routes, { path }), undefined, path);
  }
});

test('no routes match nothing', () => {
  assert.equal(winner([], {}), undefined);
});

test('a table names the headers its answers depend on', () => {
  const routes = [route('one', { headers: { b: '1', a: '1' } }), route('two', { headers: { b: '2' } })];
  assert.deepEqual(compileRoutes(routes).headerNames, ['a', 'b']);
});

// Few values, so that routes overlap and tie often.
const header = fc.constantFrom('1', '2');
const criteria = fc.record({
  path: fc.constantFrom(undefined, '/*', '/a*', '/a/*', '/a/b', '/b'),
  host: fc.constantFrom(undefined, 'x.com', '*.com', '*.x.com', 'a.x.com'),
  listener: fc.constantFrom(undefined, 'public', 'internal'),
  headers: fc.dictionary(fc.constantFrom('a', 'b', 'c'), header, { maxKeys: 3 }),
});
const request = fc.record({
  path: fc.constantFrom('/', '/a', '/a/b', '/a/c', '/b', '/a/b?c', '*'),
  authority: fc.constantFrom('x.com', 'a.x.com:1', 'b.a.x.com', 'COM', ''),
  listener: fc.constantFrom('public', 'internal', 'other'),
  headers: fc.dictionary(fc.constantFrom('a', 'b', 'c'), header, { maxKeys: 3 }),
});

/** A route named by what it matches, so that duplicates have one name. */
function describedRoute({ headers, ...rest }: Criteria): RouteConfig {
  const sorted = ['a', 'b', 'c'].map((name) => headers?.[name] ?? null);
  const path = rest.path === '/*' ? undefined : rest.path;
  return route(JSON.stringify([path, rest.host, rest.listener, sorted]), {
    ...rest,
    headers: { ...headers },
  });
}

test('shuffling the routes never changes which one matches', () => {
  const shuffled = fc
    .array(criteria, { maxLength: 12 })
    .map((list) => list.map(describedRoute))
    .chain((routes) =>
      fc.tuple(fc.constant(routes), fc.shuffledSubarray(routes, { minLength: routes.length })),
    );
  fc.assert(
    fc.property(shuffled, request, ([routes, others], asked) => {
      const routed = { ...asked, headers: new Map(Object.entries(asked.headers)) };
      assert.equal(compileRoutes(others).match(routed)?.name, compileRoutes(routes).match(routed)?.name);
    }),
    { numRuns: 500 },
  );
});

test('specificity is a total order of all routes that are not duplicates', () => {
  const described = criteria.map(describedRoute);
  fc.assert(
    fc.property(described, described, described, (a, b, c) => {
      assert.equal(Math.sign(compareSpecificity(a, b)), 0 - Math.sign(compareSpecificity(b, a)));
      assert.equal(compareSpecificity(a, b) === 0, a.name === b.name);
      if (compareSpecificity(a, b) <= 0 && compareSpecificity(b, c) <= 0)
        assert.ok(compareSpecificity(a, c) <= 0);
    }),
    { numRuns: 1_000 },
  );
});
