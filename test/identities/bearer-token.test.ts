import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearerToken } from '../../src/identities/bearer-token.ts';

test('a token stands after the scheme, in any case, and one or more spaces', () => {
  for (const field of ['Bearer abc', 'bearer abc', 'BEARER abc', 'Bearer   abc'])
    assert.equal(bearerToken(field), 'abc', field);
  assert.equal(bearerToken('Bearer '), '');
});

test('credentials of another scheme are no token', () => {
  for (const field of ['Basic abc', 'abc', 'Bearer', 'Bearers abc', ' Bearer abc', 'Bearer\tabc', ''])
    assert.equal(bearerToken(field), undefined, field);
});
