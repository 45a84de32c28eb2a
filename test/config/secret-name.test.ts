// Which header fields hold a secret, by name and by value.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCredential, isSecretName } from '../../src/config/secret-name.ts';

test('names of secrets are known, also short ones, but not inside other words', () => {
  for (const name of [
    'authorization',
    'x-pass',
    'x-pwd',
    'otp',
    'x-pin',
    'sid',
    'x_sid',
    'x-csrf',
    'x-bearer',
    'x-session',
    'dpop',
    'x-saml-response',
    'x-assertion',
    'x-hmac',
    'x-mfa',
    'x-sso',
  ])
    assert.equal(isSecretName(name), true, name);
  for (const name of [
    'x-tenant',
    'x-shopping',
    'x-bypass',
    'x-inside',
    'x-option',
    'x-lesson',
    'x-ssomething',
    'x-request-id',
    'x-amz-content-sha256',
  ])
    assert.equal(isSecretName(name), false, name);
});

test('a credential is known wherever it stands among several values of a field', () => {
  for (const value of [
    'Bearer abc',
    'foo, Bearer abc',
    'foo,Basic abc',
    'foo, ghp_0123456789',
    'eyJhbGciOiJIUzI1NiJ9.e30.c2ln',
    'https://user:pass@example.com/',
    '/w?api=1&access_token=abc',
    'https://example.com/?sig=abc',
  ])
    assert.equal(isCredential(value), true, value);
  for (const value of [
    'acme',
    'the bearer of news',
    'a, b',
    '/w?page=2',
    'https://example.com:80/a@b',
    'example.com:80',
  ])
    assert.equal(isCredential(value), false, value);
});
