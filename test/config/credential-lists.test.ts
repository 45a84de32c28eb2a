// Lists of API keys and passwords, as files have them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  isWholeList,
  largestBytesOf,
  parseApiKeys,
  parsePasswords,
} from '../../src/config/credential-lists.ts';
import { isFault } from '../../src/config/problem.ts';
import { leftOutText } from '../../src/config/public-keys.ts';

const HASH = 'a'.repeat(64);
const SALT_AND_HASH = 'MDEyMzQ1Njc4OWFiY2RlZg$qSMu2CFr2+2+15PAi7rDh4Ri0f32mKsD8MNsBYDRJmU';

test('a list of keys has a name and a hash on each line, beside comments', () => {
  const keys = parseApiKeys(`# comment\r\n\r\none:${HASH}\r\n two three:${HASH.toUpperCase()}\n`);
  assert.deepEqual(keys, {
    keys: [
      { name: 'one', hash: HASH },
      { name: 'two three', hash: HASH },
    ],
    leftOut: [],
  });
});

test('a list without entries is an empty list', () => {
  for (const text of ['', '# all revoked\n']) assert.deepEqual(parseApiKeys(text), { keys: [], leftOut: [] });
});

test('the good lines of a list hold, the others are named by their numbers, and no message repeats a line', () => {
  const text = `one:${HASH}\nsecret-key\ntwo:${HASH}\none:${HASH}\n${'secret\n'.repeat(9)}`;
  const read = parseApiKeys(text);
  assert.ok(!isFault(read));
  assert.deepEqual(
    read.keys.map(({ name }) => name),
    ['one', 'two'],
  );
  assert.deepEqual(
    read.leftOut.map((one) => leftOutText('keys.txt', one)),
    [
      'keys.txt:2 cannot be read',
      'keys.txt:4 has a name that a line before has already',
      'keys.txt:5 cannot be read',
      'keys.txt:6 cannot be read',
      'keys.txt:7 cannot be read',
      'keys.txt has 6 more lines that cannot be used',
    ],
  );
  assert.equal(isWholeList(read), false);
});

test('a list of the most entries fits in a file, and one more is refused', () => {
  const hash = `$scrypt$ln=16,r=8,p=1$${'a'.repeat(86)}$${'b'.repeat(86)}`;
  const lines = Array.from({ length: 20_000 }, (_, index) => `${String(index).padStart(200, 'u')}:${hash}\n`);
  const source = { kind: 'file', text: 'users', format: 'passwords' } as const;
  const text = lines.join('');
  assert.ok(text.length < largestBytesOf(source));
  const read = parsePasswords(text);
  assert.ok(!isFault(read) && read.keys.length === 20_000);
  assert.ok(isFault(parsePasswords(`${text}one-more:${hash}\n`)));
});

test('what is no line of a list is left out', () => {
  const bad = ['secret-key', `:${HASH}`, 'one:secret-key', `one:${HASH}x`, `${'x'.repeat(201)}:${HASH}`];
  for (const text of bad) {
    const read = parseApiKeys(text);
    assert.ok(!isFault(read) && read.keys.length === 0, text);
    const [{ message, hint }] = read.leftOut;
    assert.doesNotMatch(`${message} ${hint}`, /secret/);
  }
});

test('passwords are by scrypt, with a cost between 16 and 64 MiB', () => {
  for (const cost of ['ln=14,r=8,p=1', 'ln=16,r=8,p=4'])
    assert.ok(isWholeList(parsePasswords(`alice:$scrypt$${cost}$${SALT_AND_HASH}`)), cost);
  for (const cost of ['ln=13,r=8,p=1', 'ln=17,r=8,p=1', 'ln=14,r=16,p=1', 'ln=14,r=8,p=0', 'ln=14,r=8,p=9'])
    assert.ok(!isWholeList(parsePasswords(`alice:$scrypt$${cost}$${SALT_AND_HASH}`)), cost);
  for (const hash of ['$apr1$x$y', '$2y$05$abc', '{SHA}abc=', 'plain', `$scrypt$ln=14,r=8,p=1$short$short`])
    assert.ok(!isWholeList(parsePasswords(`alice:${hash}`)), hash);
});

test('of a hash by something else its kind and the remedy are named, and nothing of the hash', () => {
  const kinds: Readonly<Record<string, string>> = {
    $2y$05$secretsecretsecretsecre: 'bcrypt',
    $apr1$secret$secretsecretsecret: 'MD5 (apr1)',
    '{SHA}c2VjcmV0c2VjcmV0': 'SHA-1',
    '$scrypt$ln=10,r=8,p=1$secret$secret': 'scrypt with other parameters',
  };
  for (const [hash, kind] of Object.entries(kinds)) {
    const read = parsePasswords(`# users\nalice:${hash}`);
    assert.ok(!isFault(read));
    const [found] = read.leftOut;
    assert.equal(leftOutText('users', found), `users:2 has a hash that is not supported (${kind})`);
    assert.match(found.hint ?? '', /docs\/access\.md#passwords has the command/);
    assert.doesNotMatch(`${found.message} ${found.hint}`, /secret|c2Vj/);
  }
  const plain = parsePasswords('alice:secret');
  assert.ok(!isFault(plain));
  assert.equal(leftOutText('users', plain.leftOut[0]), 'users:1 cannot be read');
});
