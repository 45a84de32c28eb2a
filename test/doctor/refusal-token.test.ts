// A status through a proxy: is it a refusal of the proxy, or does the service say so?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reasonOf } from '../../src/calls/failure.ts';
import { tokenOfAnswer } from '../../src/doctor/refusal-token.ts';
import { SecretFields } from '../../src/doctor/secret-fields.ts';
import { denied } from '../../src/policies/authorize/authorize-failures.ts';

const MISSING = 'This call needs a key in x-api-key.';
const DIAGNOSES = [
  { token: 'credentials_missing', sentence: `${MISSING} The client has shown a token.` },
  { token: 'call_limit', sentence: 'Too many calls (1 each hour may be made); call again in 2 minutes.' },
  { token: 'deadline_exceeded', sentence: 'It took too long' },
];
const NOTHING = { grpcStatus: 'OK', grpcMessage: '' };

function tokenOf(grpcMessage: string, directly = NOTHING, diagnoses = DIAGNOSES): string | undefined {
  const through = { grpcStatus: 'UNAUTHENTICATED', grpcMessage };
  return tokenOfAnswer({ through, directly }, diagnoses, {
    credentials: new SecretFields(new Map([['x-a', 'an-hour']])),
  });
}

test('what the proxy has told the client is found, whatever its log says in addition', () => {
  assert.equal(tokenOf(MISSING), 'credentials_missing');
  assert.equal(tokenOf(DIAGNOSES[1].sentence), 'call_limit');
  assert.equal(tokenOf(DIAGNOSES[2].sentence), 'deadline_exceeded');
});

for (const part of [
  'call',
  'This',
  'This call',
  'This call needs',
  'x-api-key.',
  '.',
  'It',
  'Too many calls',
  '',
])
  test(`a message of the service that is in a sentence of the proxy is not of the proxy: “${part}”`, () => {
    assert.equal(tokenOf(part), undefined);
  });

test('what the service says without the proxy, too, is not of the proxy', () => {
  assert.equal(tokenOf(MISSING, { grpcStatus: 'UNAUTHENTICATED', grpcMessage: MISSING }), undefined);
  assert.equal(tokenOf(MISSING, { grpcStatus: 'NOT_FOUND', grpcMessage: MISSING }), 'credentials_missing');
});

test('a word of an authorizer is a refusal of the proxy', () => {
  for (const body of ['no', 'No.', '']) {
    const verdict = { kind: 'denied', httpStatus: 403, fields: [], body: Buffer.from(body) } as const;
    const failure = denied(verdict, 'guard');
    const sentence = reasonOf(failure).slice('authorization_denied: '.length);
    const diagnoses = [{ token: 'authorization_denied', sentence }];
    assert.equal(tokenOf(failure.message, NOTHING, diagnoses), 'authorization_denied', body);
  }
});
