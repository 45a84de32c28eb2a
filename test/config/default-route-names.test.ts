// What routes without a name are called.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type NamedMatch, namesOfRoutes } from '../../src/config/default-route-names.ts';

const SECRETS = ['SECRET0one', 'SECRET0two'];

function matching(headers: Readonly<Record<string, string>>, name?: string): NamedMatch {
  const match = { path: '/a/*', host: undefined, headers: new Map(Object.entries(headers)), listener: 'in' };
  return name === undefined ? { match } : { name, match };
}

test('a default name has no value of a header field, and a number where another route has it', () => {
  const routes = SECRETS.map((secret) => matching({ 'x-tenant': secret }));
  assert.deepEqual(namesOfRoutes([...routes, matching({ 'x-tenant': 'a', 'x-b': 'SECRET' }), matching({})]), [
    '/a/* [x-tenant] on in',
    '/a/* [x-tenant] on in #2',
    '/a/* [x-tenant] [x-b] on in',
    '/a/* on in',
  ]);
});

test('a default name is never one that the configuration gives to another route', () => {
  const given = ['/a/* [x] on in', '/a/* [x] on in #3'].map((name) => matching({ y: '1' }, name));
  const unnamed = SECRETS.map((secret) => matching({ x: secret }));
  assert.deepEqual(namesOfRoutes([...unnamed, ...given]), [
    '/a/* [x] on in #2',
    '/a/* [x] on in #4',
    '/a/* [x] on in',
    '/a/* [x] on in #3',
  ]);
});

test('no two routes have the same default name, and none has a value', () => {
  const headers = fc.dictionary(fc.constantFrom('x', 'y'), fc.constantFrom(...SECRETS));
  const route = fc.tuple(headers, fc.option(fc.constantFrom('/a/* on in', '/a/* [x] on in #2')));
  fc.assert(
    fc.property(fc.array(route), (routes) => {
      const names = namesOfRoutes(routes.map(([fields, name]) => matching(fields, name ?? undefined)));
      const made = names.filter((_name, index) => routes[index][1] === null);
      assert.equal(new Set(made).size, made.length);
      for (const name of made) assert.doesNotMatch(name, /SECRET/);
    }),
    { seed: 9113, numRuns: 300 },
  );
});
