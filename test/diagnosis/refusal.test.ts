import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diagnoseRefusal, refusalTokens } from '../../src/diagnosis/refusal.ts';
import { tlsFailureToken } from '../../src/diagnosis/tls-failure.ts';

test('every token is snake_case', () => {
  assert.ok(refusalTokens.length > 10);
  for (const token of refusalTokens) assert.match(token, /^[a-z0-9]+(_[a-z0-9]+)+$/);
});

test('a TLS client on a plaintext port is told the remedy', () => {
  const { token, sentence } = diagnoseRefusal('tls_on_plaintext_port');
  assert.equal(token, 'tls_on_plaintext_port');
  assert.match(sentence, /plaintext \(insecure\) credentials/);
});

test('a TLS failure nobody thought of still has a token', () => {
  assert.equal(tlsFailureToken('ERR_SSL_SOMETHING_NEW'), 'tls_handshake_failed');
  assert.equal(tlsFailureToken(undefined), 'tls_handshake_failed');
  assert.equal(tlsFailureToken('ECONNRESET'), 'tls_handshake_abandoned');
});
