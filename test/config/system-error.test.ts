// Errors of the operating system, in words.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadConfig } from '../../src/config/load-config.ts';
import { readingFault } from '../../src/config/system-error.ts';

const folder = mkdtempSync(join(tmpdir(), 'framegate-errors-'));
after(() => rmSync(folder, { recursive: true }));

function messagesOf(file: string): readonly string[] {
  const result = loadConfig(file);
  return 'problems' in result ? result.problems.map(({ message }) => message) : [];
}

test('why a configuration cannot be read is told without a code', () => {
  writeFileSync(join(folder, 'file'), '');
  symlinkSync('loop', join(folder, 'loop'));
  for (const [name, words] of [
    ['none', /there is no such file/],
    ['.', /it is a folder/],
    ['file/config.yaml', /a part of its path is a file/],
    ['loop', /symbolic links go round in circles/],
    ['n'.repeat(300), /its name is longer/],
  ] as const) {
    const [message, ...others] = messagesOf(join(folder, name));
    assert.match(message, words);
    assert.doesNotMatch(message, /E[A-Z]{4,}/);
    assert.deepEqual(others, []);
  }
});

test('so is why a certificate or a key cannot be read', () => {
  mkdirSync(join(folder, 'certs'));
  const tls = '{ certificates: [{ cert: certs, key: certs/none.key }] }';
  const rest =
    'routes: [{ match: { path: /a.B/* }, upstream: s }]\nupstreams: { s: { endpoints: ["127.0.0.1:2"] } }';
  writeFileSync(join(folder, 'c.yaml'), `listeners: [{ address: "127.0.0.1:1", tls: ${tls} }]\n${rest}\n`);
  const [cert, key, ...others] = messagesOf(join(folder, 'c.yaml'));
  assert.match(cert, /certs cannot be read: it is a folder$/);
  assert.match(key, /none\.key does not exist$/);
  assert.deepEqual(others, []);
});

test('what the user of the process may not read is told so', () => {
  // The user of the tests may be the one who may read everything.
  const error = Object.assign(new Error("EACCES: permission denied, open '/x'"), { code: 'EACCES' });
  assert.match(readingFault(error), /^permission denied: the user of this process may not read it/);
});

test('a code without words keeps those of the system', () => {
  const error = Object.assign(new Error('EODD: odd'), { code: 'toString' });
  assert.equal(readingFault(error), 'EODD: odd');
  assert.equal(readingFault('text'), 'text');
});
