// A status through a proxy: is it a refusal of the proxy, or does the service say so?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reasonOf } from '../../src/calls/failure.ts';
import { emptyAnswer, readStatus } from '../../src/doctor/grpc-call.ts';
import { tokenOfAnswer, tokenOfText } from '../../src/doctor/refusal-token.ts';
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

test('a sentence with the code of its page is of a diagnosis with this code alone', () => {
  assert.equal(tokenOf(`${MISSING} (FG3034)`), 'credentials_missing');
  assert.equal(tokenOf(`${MISSING} (FG3039)`), undefined);
  assert.equal(tokenOf(' (FG3034)'), undefined);
  assert.equal(tokenOf('Something else. (FG3034)'), undefined);
});

test('a sentence that the list of diagnoses has cut is recognised by its beginning, if that is long', () => {
  const long = `No route matches ${'/a'.repeat(300)}.`;
  const cut = (characters: number): typeof DIAGNOSES => [
    { token: 'no_route', sentence: `${long.slice(0, characters)}…` },
  ];
  assert.equal(tokenOf(`${long} (FG3001)`, NOTHING, cut(511)), 'no_route');
  assert.equal(tokenOf(`${long} (FG3001)`, NOTHING, cut(0)), undefined);
  assert.equal(tokenOf(`Another. ${long} (FG3001)`, NOTHING, cut(511)), undefined);
});

test('a long refusal is compared as a whole, with the code at its end', () => {
  const long = `No route matches ${'/a'.repeat(450)}.`;
  const answer = emptyAnswer();
  readStatus({ 'grpc-status': '12', 'grpc-message': `${long} (FG3001)` }, answer, {});
  for (const sentence of [long, `${long.slice(0, 511)}…`]) {
    const diagnoses = [{ token: 'no_route', sentence }];
    assert.equal(tokenOfAnswer({ through: answer, directly: NOTHING }, diagnoses, {}), 'no_route');
  }
  readStatus({ 'grpc-status': '12', 'grpc-message': `${long} (FG3034)` }, answer, {});
  const diagnoses = [{ token: 'no_route', sentence: `${long.slice(0, 511)}…` }];
  assert.equal(tokenOfAnswer({ through: answer, directly: NOTHING }, diagnoses, {}), undefined);
});

test('the text of a web service is not of the proxy, whatever its status', () => {
  const diagnoses = [
    { token: 'access_denied', sentence: 'This client may not make this call. Why: no rule.' },
  ];
  assert.equal(tokenOfText('403 Forbidden', diagnoses, {}), undefined);
  assert.equal(tokenOfText('This client may not make this call. (FG3039)', diagnoses, {}), 'access_denied');
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
