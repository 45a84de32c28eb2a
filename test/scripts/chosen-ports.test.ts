import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choosePorts, type Wish } from '../../scripts/chosen-ports.ts';

const host = '127.0.0.1';
const tls: Wish = { what: 'the listener "public"', host, port: 8443 };
const cleartext: Wish = { what: 'the listener "internal"', host, port: 8080 };
const admin: Wish = { what: 'the admin server', host, port: 9901 };

function choose(wishes: readonly Wish[], taken: readonly number[], avoided: readonly number[] = []) {
  return choosePorts(wishes, new Set(avoided), (_, port) =>
    Promise.resolve(taken.includes(port) ? `nginx holds ${port}` : undefined),
  );
}

function ports(chosen: readonly { readonly port: number }[]) {
  return chosen.map(({ port }) => port);
}

test('ports that are free are taken as they are wanted, without a reason', async () => {
  const chosen = await choose([tls, cleartext, admin], []);
  assert.deepEqual(chosen, [
    { port: 8443, reason: undefined },
    { port: 8080, reason: undefined },
    { port: 9901, reason: undefined },
  ]);
});

test('the next free port replaces one that is taken, and the reason is kept', async () => {
  assert.deepEqual(await choose([tls], [8443, 8444]), [{ port: 8445, reason: 'nginx holds 8443' }]);
});

test('a port of a service, or one that somebody else wants, replaces no other', async () => {
  assert.deepEqual(ports(await choose([cleartext], [8080], [8081])), [8082]);
  assert.deepEqual(ports(await choose([{ ...cleartext, port: 9900 }, admin], [9900])), [9902, 9901]);
});

test('two that want one port get two', async () => {
  assert.deepEqual(ports(await choose([cleartext, { ...admin, port: 8080 }], [])), [8080, 8081]);
});

test('what wants the port that was demanded gives way, though it is first in the list', async () => {
  const chosen = await choose([cleartext, { ...tls, port: 8080, isDemanded: true }], []);
  assert.deepEqual(ports(chosen), [8081, 8080]);
  assert.equal(chosen[0].reason, 'the listener "public" has 8080');
});

test('a port that was demanded is not replaced: the error has the cause and the remedy', async () => {
  await assert.rejects(choose([{ ...tls, isDemanded: true }], [8443]), {
    message:
      'the listener "public" cannot have port 8443, because nginx holds 8443; choose another, or leave --port out and a free one is found',
  });
});

test('a port that only root may take is replaced by one that everybody may', async () => {
  assert.deepEqual(ports(await choose([{ ...tls, port: 443 }], [443])), [8443]);
});

test('where no port is free, the error says where it looked', async () => {
  const taken = Array.from({ length: 1000 }, (_, index) => 65_000 + index);
  await assert.rejects(
    choose([{ ...tls, port: 65_500 }], taken),
    /no free port: 65500 is taken, and all from 65501 to 65535; stop/,
  );
});
