// The words of the problems are in test/golden/config; here is that they tell the truth about the route table.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { RouteConfig } from '../../src/config/route-config.ts';
import { findRouteProblems } from '../../src/routing/route-problems.ts';
import { compileRoutes } from '../../src/routing/route-table.ts';
import { routeConfig } from '../support/route-config.ts';

const listeners = ['public', 'internal'];
const value = fc.constantFrom('1', '2');
const headers = fc.dictionary(fc.constantFrom('a', 'b'), value, { maxKeys: 2 });
const routes = fc
  .array(
    fc.record({
      path: fc.constantFrom(undefined, '/*', '/a*', '/a/b'),
      host: fc.constantFrom(undefined, '*.com', 'x.com'),
      listener: fc.constantFrom(undefined, ...listeners),
      headers: headers.map((record) => new Map(Object.entries(record))),
    }),
    { maxLength: 10 },
  )
  .map((matches) => matches.map((match, index): RouteConfig => routeConfig({ name: `${index}`, match })));

/** Requests that between them meet every route the generator can make. */
const requests = listeners.flatMap((listener) =>
  ['/a/b', '/a/c', '/c'].flatMap((path) =>
    ['x.com', 'y.com', 'org'].flatMap((authority) =>
      [undefined, '1', '2'].flatMap((a) =>
        [undefined, '1', '2'].map((b) => ({
          listener,
          path,
          authority,
          headers: { get: (name: string) => (name === 'a' ? a : b) },
        })),
      ),
    ),
  ),
);

function numbersOf(list: readonly RouteConfig[], words: RegExp): ReadonlySet<string> {
  const numbered = list.map((route, index) => ({ route, index }));
  const found = findRouteProblems(numbered, listeners).filter(({ message }) => words.test(message));
  return new Set(found.map(({ path }) => String(path[1])));
}

test('a route that is said never to win never wins', () => {
  fc.assert(
    fc.property(routes, (list) => {
      const table = compileRoutes(list);
      const lost = numbersOf(list, /^never wins/);
      for (const request of requests) assert.ok(!lost.has(table.match(request)?.name ?? ''));
    }),
  );
});

test('a route without any problem wins a request, where no other route stands in a narrower place', () => {
  const single = routes.filter((list) => list.length > 0).map((list) => list.slice(0, 1));
  fc.assert(
    fc.property(single, (list) => {
      const table = compileRoutes(list);
      assert.equal(numbersOf(list, /./).size, 0);
      assert.ok(requests.some((request) => table.match(request)?.name === '0'));
    }),
  );
});

test('where no tie and no duplicate is reported, no two routes of one place meet the same request', () => {
  fc.assert(
    fc.property(routes, (list) => {
      const reported = numbersOf(list, /matches the same requests|equally well/);
      const distinct = list.filter((route) => !reported.has(route.name));
      const tables = distinct.map((route) => ({ route, table: compileRoutes([route]) }));
      for (const request of requests) {
        const met = tables.filter(({ table }) => table.match(request) !== undefined);
        const places = met.map(({ route: { match } }) => {
          const path = match.path === '/*' ? undefined : match.path;
          return JSON.stringify([match.listener, match.host, path, match.headers.size]);
        });
        assert.equal(new Set(places).size, places.length);
      }
    }),
  );
});
