// Lists of API keys and passwords, as files have them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseApiKeys, parsePasswords } from '../../src/config/credential-lists.ts';
import { isFault } from '../../src/config/problem.ts';

const HASH = 'a'.repeat(64);
const SALT_AND_HASH = 'MDEyMzQ1Njc4OWFiY2RlZg$qSMu2CFr2+2+15PAi7rDh4Ri0f32mKsD8MNsBYDRJmU';

test('a list of keys has a name and a hash on each line, beside comments', () => {
  const keys = parseApiKeys(`# comment\r\n\r\none:${HASH}\r\n two three:${HASH.toUpperCase()}\n`);
  assert.deepEqual(keys, [
    { name: 'one', hash: HASH },
    { name: 'two three', hash: HASH },
  ]);
});

test('what is no list is refused, and no message repeats a line', () => {
  const bad = [
    '',
    '# nothing',
    'secret-key',
    `:${HASH}`,
    'one:secret-key',
    `one:${HASH}x`,
    `one:${HASH}\none:${HASH}`,
    `${'x'.repeat(201)}:${HASH}`,
  ];
  for (const text of bad) {
    const found = parseApiKeys(text);
    assert.ok(isFault(found), text);
    assert.doesNotMatch(`${found.message} ${found.hint}`, /secret/);
  }
});

test('passwords are by scrypt, with a cost between 16 and 64 MiB', () => {
  for (const cost of ['ln=14,r=8,p=1', 'ln=16,r=8,p=4'])
    assert.ok(!isFault(parsePasswords(`alice:$scrypt$${cost}$${SALT_AND_HASH}`)), cost);
  for (const cost of ['ln=13,r=8,p=1', 'ln=17,r=8,p=1', 'ln=14,r=16,p=1', 'ln=14,r=8,p=0', 'ln=14,r=8,p=9'])
    assert.ok(isFault(parsePasswords(`alice:$scrypt$${cost}$${SALT_AND_HASH}`)), cost);
  for (const hash of ['$apr1$x$y', '$2y$05$abc', '{SHA}abc=', 'plain', `$scrypt$ln=14,r=8,p=1$short$short`])
    assert.ok(isFault(parsePasswords(`alice:${hash}`)), hash);
});

test('of a hash by something else its kind and the remedy are named, and nothing of the hash', () => {
  const kinds: Readonly<Record<string, string>> = {
    $2y$05$secretsecretsecretsecre: 'bcrypt',
    $apr1$secret$secretsecretsecret: 'MD5 (apr1)',
    '{SHA}c2VjcmV0c2VjcmV0': 'SHA-1',
    '$scrypt$ln=10,r=8,p=1$secret$secret': 'scrypt with other parameters',
  };
  for (const [hash, kind] of Object.entries(kinds)) {
    const found = parsePasswords(`# users\nalice:${hash}`);
    assert.ok(isFault(found));
    assert.equal(found.message, `has a hash that is not supported (${kind}) in line 2`);
    assert.match(found.hint ?? '', /docs\/access\.md#passwords has the command/);
    assert.doesNotMatch(`${found.message} ${found.hint}`, /secret|c2Vj/);
  }
  const plain = parsePasswords('alice:secret');
  assert.ok(isFault(plain));
  assert.equal(plain.message, 'cannot be read in line 1');
});
