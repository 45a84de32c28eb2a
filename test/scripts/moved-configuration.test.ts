import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { moveAddresses } from '../../scripts/moved-configuration.ts';
import { parseConfig } from '../../src/config/load-config.ts';

const example = readFileSync(join(import.meta.dirname, '../../config.example.yaml'), 'utf8');
const none = { listeners: new Map(), admin: undefined, endpoints: new Map() };

function configOf(text: string) {
  const loaded = parseConfig(text, 'config.yaml');
  assert.ok('config' in loaded, JSON.stringify(loaded));
  return loaded.config;
}

test('a moved configuration has the new addresses of listeners, the admin server and endpoints', () => {
  const moved = moveAddresses(example, {
    listeners: new Map([
      [0, '[::]:8444'],
      [1, '127.0.0.1:8082'],
    ]),
    admin: '127.0.0.1:9902',
    endpoints: new Map([['127.0.0.1:50051', '127.0.0.1:50052']]),
  });
  const { listeners, admin, upstreams } = configOf(moved);
  assert.deepEqual(
    listeners.map(({ address }) => address.text),
    ['[::]:8444', '127.0.0.1:8082'],
  );
  assert.equal(admin?.address.text, '127.0.0.1:9902');
  assert.deepEqual(
    upstreams.map(({ endpoints }) => endpoints.map(({ address }) => address.text)),
    [['127.0.0.1:50052'], ['127.0.0.1:8081']],
  );
});

test('every other line of a moved configuration is as it was written', () => {
  const moved = moveAddresses(example, { ...none, listeners: new Map([[0, '0.0.0.0:8444']]) });
  const before = example.split('\n');
  const changed = moved.split('\n').filter((line, index) => line !== before[index]);
  assert.equal(changed.length, 1);
  assert.match(changed[0], /^ {4}address: "0\.0\.0\.0:8444" .*# host:port/);
  assert.equal(moveAddresses(example, none), example);
});

for (const [what, admin] of [
  ['an address', 'admin:\n  address: 127.0.0.1:9901\n'],
  ['no address', 'admin: {}\n'],
  ['no value', 'admin:\n'],
  ['an address from an alias', 'x-a: &a 127.0.0.1:9901\nadmin: { address: *a }\n'],
]) {
  test(`the address of an admin server that has ${what} is moved`, () => {
    const moved = moveAddresses(example + admin, { ...none, admin: '127.0.0.1:9902' });
    assert.equal(configOf(moved).admin?.address.text, '127.0.0.1:9902');
  });
}

const rest =
  'upstreams: { a: { endpoints: ["127.0.0.1:2"] } }\nroutes: [{ match: { path: /* }, upstream: a }]\n';

for (const [what, listener] of [
  ['an alias', 'x-a: &a 127.0.0.1:1\nlisteners:\n  - { name: b, address: *a }\n'],
  ['a block of lines', 'listeners:\n  - address: >-\n      127.0.0.1:1\n    name: b\n'],
]) {
  test(`the address of a listener that ${what} has is moved`, () => {
    const moved = moveAddresses(listener + rest, { ...none, listeners: new Map([[0, '127.0.0.1:3']]) });
    assert.deepEqual(
      configOf(moved).listeners.map(({ name, address }) => `${name} ${address.text}`),
      ['b 127.0.0.1:3'],
    );
  });
}

test('an address that cannot be moved where it is ends with a sentence', () => {
  const listener = `x-a: &a { name: b, address: "127.0.0.1:1" }\nlisteners: [*a]\n${rest}`;
  assert.throws(
    () => moveAddresses(listener, { ...none, listeners: new Map([[0, '127.0.0.1:3']]) }),
    /the port of listeners 0 is taken, and another one cannot be written in its place/,
  );
  const endpoint = 'x-e: &e 127.0.0.1:2\nupstreams: { a: { endpoints: [*e] } }\n';
  assert.throws(
    () => moveAddresses(endpoint, { ...none, endpoints: new Map([['127.0.0.1:2', '127.0.0.1:3']]) }),
    /the port of the endpoint 127\.0\.0\.1:2 is taken/,
  );
});
