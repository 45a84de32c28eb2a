// What clients are told that may not call.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AdmittedCall } from '../../../src/calls/policy.ts';
import { type Identity, limited } from '../../../src/identities/identity.ts';
import { denied, unauthenticated, unverified } from '../../../src/policies/access/access-failures.ts';
import { standIn } from '../../support/stand-in.ts';

const identity = (wanted: string, challenge: string): Identity =>
  standIn<Identity>({ wanted, challenge, shownInstead: () => undefined });
const shown = (sentence: string): Identity =>
  standIn<Identity>({ wanted: 'a token', challenge: '', shownInstead: () => sentence });
const CALL = standIn<AdmittedCall>({ clientCertificateFault: undefined });
const CERTIFICATE = identity('a client certificate', '');
const TOKEN = identity('a bearer token in authorization', 'Bearer');
const KEY = identity('an API key in x-api-key', 'Bearer');
const PASSWORD = identity('a name and a password', 'Basic realm="people"');

test('a client is told each way by which it can show who it is, and each challenge once', () => {
  const { message, challenge } = unauthenticated([CERTIFICATE, TOKEN, KEY, PASSWORD], undefined, CALL);
  assert.equal(
    message,
    'This call needs a client certificate, or a bearer token in authorization, or an API key in x-api-key, or a name and a password.',
  );
  assert.equal(challenge, 'Bearer, Basic realm="people"');
});

test('there is no challenge where nothing that a request holds would help', () => {
  assert.equal('challenge' in unauthenticated([CERTIFICATE], undefined, CALL), false);
});

test('why credentials are not accepted is for the log alone, unless the client may know', () => {
  const rejection = { token: 'credentials_invalid', sentence: 'identity office: the secret reason' } as const;
  const secret = unauthenticated([TOKEN], rejection, CALL);
  assert.doesNotMatch(secret.message, /secret/);
  assert.match(secret.onlyForLog ?? '', /the secret reason/);
  const open = unauthenticated([TOKEN], { ...rejection, told: 'the token has expired' }, CALL);
  assert.match(open.message, /: the token has expired\.$/);
});

test('a client is told which limit its credentials met, and keeps them if it is not its own fault', () => {
  const told = (['failures', 'client', 'all'] as const).map((limit) => {
    const { message, grpcStatus, httpStatus } = unauthenticated([TOKEN], limited(limit), CALL);
    return [message, grpcStatus, httpStatus];
  });
  assert.deepEqual(told, [
    ['Too many credentials of this client were not good; call again in a few seconds.', 16, 401],
    ['Too many credentials of this client are being verified; call again in a second.', 14, 503],
    ['Too many credentials are being verified; call again in a second.', 14, 503],
  ]);
});

test('a client is told what it has shown in place of credentials, each sentence once', () => {
  const { message, onlyForLog } = unauthenticated(
    [shown('One.'), shown('One.'), shown('Two.'), TOKEN],
    undefined,
    CALL,
  );
  assert.equal(
    message,
    'This call needs a token, or a token, or a token, or a bearer token in authorization. One. Two.',
  );
  assert.equal(onlyForLog, undefined);
});

test('a client is told that its certificate is not accepted, and the log alone why', () => {
  const call = standIn<AdmittedCall>({ clientCertificateFault: 'CERT_HAS_EXPIRED' });
  const bad = { token: 'credentials_invalid', sentence: 'identity office: no signature' } as const;
  const missing = unauthenticated([TOKEN], undefined, call);
  assert.equal(
    missing.message,
    'This call needs a bearer token in authorization. The client certificate of this connection is not accepted.',
  );
  assert.equal(missing.onlyForLog, ' Why: CERT_HAS_EXPIRED.');
  for (const refusal of [unauthenticated([TOKEN], bad, call), denied('deny[0] holds', [], call)]) {
    assert.doesNotMatch(refusal.message, /EXPIRED|certificate/);
    assert.match(
      refusal.onlyForLog ?? '',
      / The client certificate of its connection is not accepted: CERT_HAS_EXPIRED\.$/,
    );
  }
});

test('credentials that were not verified in time are told with what was waited for', () => {
  const office = standIn<Identity>({ name: 'office', source: 'https://id.example.com/jwks' });
  const { token, message, onlyForLog } = unverified([office], 5000);
  assert.deepEqual(
    [token, message],
    ['policy_unanswered', 'The credentials of this call could not be verified in 5 s; call again later.'],
  );
  assert.match(
    onlyForLog ?? '',
    /the keys of identity office \(https:\/\/id\.example\.com\/jwks\) have not come/,
  );
});
