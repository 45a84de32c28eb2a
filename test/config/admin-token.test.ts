// Where the token of the admin server may come from, what it must be like, and that no message shows it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isLocalAddress, parseAddress } from '../../src/config/address.ts';
import { readAdminToken } from '../../src/config/admin-token.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { isFault } from '../../src/config/problem.ts';

const token = '0123456789abcdef-._~+/==';

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-token-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function messageOf(file: string): unknown {
  const read = readAdminToken({ kind: 'file', file });
  return isFault(read) ? read.message : undefined;
}

function isLocal(text: string): boolean {
  const address = parseAddress(text, 'listen');
  assert.ok(!('message' in address), text);
  return isLocalAddress(address);
}

test('a token is read from a file, without the line break behind it, or from the environment', (t) => {
  const file = join(folderFor(t), 'token');
  for (const end of ['', '\n', '\r\n']) {
    writeFileSync(file, `${token}${end}`);
    assert.deepEqual(readAdminToken({ kind: 'file', file }), { token });
  }
  assert.deepEqual(readAdminToken({ kind: 'environment', variable: 'T' }, { T: token }), { token });
});

test('what cannot be a token is refused by a sentence that shows nothing of it', (t) => {
  const folder = folderFor(t);
  const file = join(folder, 'token');
  for (const [content, says] of [
    ['', /fewer than 16 characters/],
    ['sesame-sesame', /fewer than 16 characters/],
    ['sesame '.repeat(4), /characters that no bearer token has/],
    ['sesame-sesame-sesame\nsesame-sesame-sesame\n', /characters that no bearer token has/],
    ['sesame-sésame-sesame', /characters that no bearer token has/],
    ['sesame'.repeat(200), /more than 1024 characters/],
    ['sesame'.repeat(20_000), /more than 1024 characters/],
  ] as const) {
    writeFileSync(file, content);
    for (const read of [
      readAdminToken({ kind: 'file', file }),
      readAdminToken({ kind: 'environment', variable: 'T' }, { T: content }),
    ]) {
      assert.ok(isFault(read));
      assert.match(read.message, says);
      assert.doesNotMatch(`${read.message} ${read.hint}`, /sesame/);
    }
  }
});

test('a token that is not there, or not in a regular file, is refused', (t) => {
  const folder = folderFor(t);
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  assert.match(String(messageOf(join(folder, 'none'))), /none cannot be read: there is no such file/);
  assert.match(String(messageOf(folder)), /is no regular file/);
  assert.match(String(messageOf(pipe)), /is no regular file/);
  const unset = readAdminToken({ kind: 'environment', variable: 'T' }, {});
  assert.match(isFault(unset) ? unset.message : '', /the environment variable T is not set/);
});

test('check names the key whose token cannot be used', (t) => {
  const folder = folderFor(t);
  const file = join(folder, 'config.yaml');
  const lines = [
    'listeners: [{ address: "127.0.0.1:1" }]',
    'upstreams: { a: { endpoints: ["127.0.0.1:2"] } }',
    'routes: [{ match: { path: /* }, upstream: a }]',
    'admin: { address: "0.0.0.0:9901", token: { file: token } }',
  ];
  writeFileSync(file, lines.join('\n'));
  const loaded = loadConfig(file);
  assert.ok('problems' in loaded);
  assert.deepEqual(
    loaded.problems.map(({ path, severity }) => [path, severity]),
    [['admin.token.file', 'error']],
  );
  writeFileSync(join(folder, 'token'), token);
  const usable = loadConfig(file);
  assert.ok('config' in usable);
  assert.deepEqual(usable.warnings, []);
  assert.doesNotMatch(JSON.stringify(usable.config), /0123456789abcdef/);
});

test('only loopback in any form, and Unix sockets, are addresses of this machine alone', () => {
  const local = [
    '127.0.0.1:1',
    '127.9.9.9:1',
    'localhost:1',
    'LocalHost:1',
    '[::1]:1',
    '[0:0:0:0:0:0:0:1]:1',
  ];
  for (const text of [...local, '[::ffff:127.0.0.1]:1', '[::ffff:7f00:1]:1', 'unix:/run/a.sock'])
    assert.ok(isLocal(text), text);
  for (const text of [
    '0.0.0.0:1',
    '[::]:1',
    '10.0.0.1:1',
    '127.example.com:1',
    '[::ffff:10.0.0.1]:1',
    '[fe80::1]:1',
  ])
    assert.ok(!isLocal(text), text);
});
