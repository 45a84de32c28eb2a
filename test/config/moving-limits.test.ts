// Limits whose counts are kept under a default name that depends on the order of the routes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load-config.ts';

const CALLS = '{ count: calls, rate: 9/s }';
const SHARED = '{ count: calls, rate: 9/s, store: fleet }';

/** A route for one tenant. */
function tenant(value: string, limits: readonly string[], name?: string): string {
  const first = name === undefined ? '' : `name: ${name}, `;
  const last = limits.length === 0 ? '' : `, limits: [${limits.join(', ')}]`;
  return `{ ${first}match: { path: /a.B/*, headers: { X-Tenant: ${value} } }, upstream: u${last} }`;
}

/** A limit that asks a service, with a descriptor of this value. */
function asks(value: string): string {
  return `{ service: counter, domain: d, descriptors: [{ who: client }, { what: ${value} }] }`;
}

/** The warnings about a configuration with these routes, and the names of its routes. */
function load(...routes: readonly string[]): {
  readonly warnings: readonly string[];
  readonly names: readonly string[];
} {
  const text = [
    'listeners: [{ address: "127.0.0.1:8080" }]',
    'stores: { fleet: { redis: "redis://127.0.0.1:6379", failure: local } }',
    'routes:',
    ...routes.map((route) => `  - ${route}`),
    '  - { match: { path: /other/* }, upstream: u, limits: [{ count: calls, rate: 7/h, store: fleet }] }',
    'upstreams: { u: { endpoints: ["127.0.0.1:1"] }, counter: { endpoints: ["127.0.0.1:2"] } }',
  ].join('\n');
  const result = parseConfig(text, 'x.yaml');
  assert.ok('config' in result, JSON.stringify(result));
  return {
    warnings: result.warnings
      .filter(({ message }) => !message.includes('no route leads'))
      .map(({ path, message, hint }) => `${path}: ${message} (${hint})`),
    names: result.config.routes.map(({ name }) => name),
  };
}

test('limits are told whose counts go to another route when the order of the file changes', () => {
  const { warnings, names } = load(tenant('alice', [CALLS]), tenant('bob', [CALLS]));
  const end =
    'the default name of this route, which depends on the order of 2 routes: ' +
    'a reload with another order gives its counts to other routes (write a name at this route, beside match)';
  assert.deepEqual(warnings, [
    `routes[0].limits[0]: is counted under '${names[0]}', ${end}`,
    `routes[1].limits[0]: is counted under '${names[1]}', ${end}`,
  ]);
  assert.deepEqual(names.slice(0, 2), ['/a.B/* [x-tenant]', '/a.B/* [x-tenant] #2']);
});

test('of the limits of a route the one in a store is told, since other proxies have its counts as well', () => {
  const [warning = '', ...others] = load(tenant('alice', [CALLS, SHARED]), tenant('bob', [])).warnings;
  assert.match(
    warning,
    /^routes\[0\]\.limits\[1\]: is counted in store 'fleet' under '\/a\.B\/\* \[x-tenant\]'/,
  );
  assert.match(warning, /two proxies with different orders mix them/);
  assert.deepEqual(others, []);
});

test('a service is told such a name only by a descriptor with the route', () => {
  const [warning = ''] = load(tenant('alice', [CALLS, asks('route')]), tenant('bob', [])).warnings;
  assert.match(
    warning,
    /^routes\[0\]\.limits\[1\]: tells service 'counter' the name '\/a\.B\/\* \[x-tenant\]'/,
  );
  assert.deepEqual(load(tenant('alice', [asks('method')]), tenant('bob', [])).warnings, []);
});

test('nothing is told of a limit whose counts stay with its route', () => {
  const stays: readonly (readonly string[])[] = [
    [tenant('alice', [SHARED], 'alice'), tenant('bob', [CALLS], 'bob')],
    // The only one without a name keeps its default one.
    [tenant('alice', [SHARED], 'alice'), tenant('bob', [CALLS])],
    [tenant('alice', [CALLS]), '{ match: { path: /c.D/*, headers: { x-tenant: bob } }, upstream: u }'],
    [
      tenant('alice', [CALLS]),
      '{ match: { path: /a.B/*, host: b, headers: { x-tenant: bob } }, upstream: u }',
    ],
    [tenant('alice', []), tenant('bob', ['{ messageSize: 1MiB }'])],
    // A stream keeps the route that it began with.
    [tenant('alice', ['{ count: messages, rate: 9/s, by: [stream] }']), tenant('bob', [])],
  ];
  for (const routes of stays) assert.deepEqual(load(...routes).warnings, [], routes.join('\n'));
});

test('names that differ only by case or by the values of fields are the same name', () => {
  const other = '{ match: { path: /a.B/*, headers: { x-tenant: bob } }, upstream: u }';
  assert.equal(load(tenant('alice', [CALLS]), other).warnings.length, 1);
});
