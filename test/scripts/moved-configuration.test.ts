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
]) {
  test(`the address of an admin server that has ${what} is moved`, () => {
    const moved = moveAddresses(example + admin, { ...none, admin: '127.0.0.1:9902' });
    assert.equal(configOf(moved).admin?.address.text, '127.0.0.1:9902');
  });
}
