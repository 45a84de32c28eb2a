// `admin` of files that cannot be used as a whole: it is read where it is certain what the file says, and nothing is guessed elsewhere.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAdminAlone } from '../../src/config/admin-alone.ts';

function addressIn(...lines: readonly string[]): string | undefined {
  const read = readAdminAlone(lines.join('\n'), '/etc/config.yaml');
  return read === undefined ? undefined : (read.admin?.address.text ?? 'off');
}

test('the rest of the file may break the schema', () => {
  assert.equal(addressIn('admin: { address: 127.0.0.1:7 }', 'routes: 5'), '127.0.0.1:7');
  assert.equal(addressIn('admin: off', 'routes: 5'), 'off');
  assert.equal(addressIn('routes: 5'), '127.0.0.1:9901', 'the default');
});

test('the rest of the file may break YAML, before `admin` and after it', () => {
  const [before, after] = ['listeners: [', 'routes: "open'];
  assert.equal(addressIn(before, 'admin: { address: 127.0.0.1:7 }', after), '127.0.0.1:7');
  assert.equal(
    addressIn(before, 'admin:', '  # the port of admin', '', '  address: 127.0.0.1:7', after),
    '127.0.0.1:7',
  );
  assert.equal(addressIn(before, after), '127.0.0.1:9901', 'the default');
  assert.equal(addressIn('# no admin here', before), '127.0.0.1:9901', 'the default');
  assert.equal(addressIn('admin: off', after), 'off');
  assert.equal(addressIn('admin: off', 'routes: [{ match: { path: /admin/* }'), 'off', 'the word elsewhere');
});

test('a file of the token is beside the file', () => {
  const read = readAdminAlone('admin: { token: { file: token } }\nroutes: [', '/etc/config.yaml');
  assert.deepEqual(read?.admin?.token, { kind: 'file', file: '/etc/token' });
});

test('what is uncertain is not guessed', () => {
  for (const lines of [
    ['admin: { address: 127.0.0.1 }', 'routes: 5'],
    ['admin: { address: 127.0.0.1:7', 'routes: 5'],
    ['admin: { address: 127.0.0.1:7 }', 'admin: { address: 127.0.0.1:8 }', 'routes: ['],
    ['admin: { address: 127.0.0.1:7 }', 'admin: { address: 127.0.0.1:8 }'],
    ['admin: { address: *there }', 'routes: ['],
    ['"admin": { address: 127.0.0.1:7 }', 'routes: ['],
    ['{ admin: { address: 127.0.0.1:7 }, routes: [ }'],
    ['x: |', '  admin:', '   off', 'routes: ['],
    ['- admin', '- 5'],
    ['admin'],
  ])
    assert.equal(addressIn(...lines), undefined, lines.join(' / '));
});
