import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearerToken, otherScheme } from '../../src/identities/bearer-token.ts';

test('a token stands after the scheme, in any case, and one or more spaces', () => {
  for (const field of ['Bearer abc', 'bearer abc', 'BEARER abc', 'Bearer   abc'])
    assert.equal(bearerToken(field), 'abc', field);
  assert.equal(bearerToken('Bearer '), '');
});

test('credentials of another scheme are no token', () => {
  for (const field of ['Basic abc', 'abc', 'Bearer', 'Bearers abc', ' Bearer abc', 'Bearer\tabc', ''])
    assert.equal(bearerToken(field), undefined, field);
});

test('what stands in place of a scheme is named only if it is a scheme', () => {
  const secret = 'c2VjcmV0';
  const said = [
    `Basic ${secret}`,
    `Token ${secret}`,
    'bearer',
    secret,
    `${secret} Basic`,
    `basic${secret}`,
  ].map((field) => otherScheme(field, 'Bearer'));
  const without = 'The request has authorization, but without Bearer and a space before the credentials.';
  assert.deepEqual(said, [
    'The request has authorization, but of the scheme basic instead of Bearer.',
    'The request has authorization, but of the scheme token instead of Bearer.',
    'The request has authorization, but with nothing after Bearer.',
    without,
    without,
    without,
  ]);
  assert.equal(otherScheme(undefined, 'Bearer'), undefined);
});
