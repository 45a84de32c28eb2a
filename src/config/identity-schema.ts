// The schema of `identities`: how clients show who they are.

import {
  parseClaimHeader,
  parseCredentialHeader,
  parseKeySource,
  parseTrustDomain,
} from './identity-values.ts';
import { key, valueKind } from './key-notes.ts';
import { duration, expecting, fileName, name, parsed, z } from './schema-values.ts';

/**
 * Signatures by a private key (RFC 7518 section 3.1, RFC 8037). `none` and the HS algorithms are left out: with them, whoever knows the
 * public key could make tokens.
 */
export const JWT_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;

const text = z.string(expecting('text')).min(1).max(1000);

const jwt = z.strictObject({
  issuer: text.meta(
    key('Who has made the tokens. Tokens with another `iss` are not accepted.', {
      values: 'text, exactly as in the tokens',
      like: { Envoy: '`issuer` of a JWT provider' },
    }),
  ),
  audience: z
    .union([text, z.array(text).min(1)], expecting('text, or a list of texts'))
    .optional()
    .meta(
      key('Whom the tokens are for. One of these must be in `aud`.', {
        unset: 'not checked, and `check` warns of that: tokens for other services would do',
        values: 'text, or list of texts',
        like: { Envoy: '`audiences` of a JWT provider' },
      }),
    ),
  jwks: parsed('a URL or the name of a file', parseKeySource, {
    examples: ['https://id.example.com/jwks.json', '/etc/framegate/jwks.json'],
  }).meta(
    key(
      'Where the public keys of the issuer are (a JSON Web Key Set): a URL or a file. A URL is asked every five minutes, and at most ' +
        'every 30 seconds if a token names a key that is not known. The last keys that could be read are used until there are newer ones; ' +
        'an empty set, and a file that is gone, mean that there are none.',
      {
        values: 'URL (`https`, or `http` on trusted networks), or path of a file',
        like: { nginx: 'auth_jwt_key_request, auth_jwt_key_file', Envoy: 'remote_jwks, local_jwks' },
      },
    ),
  ),
  header: parsed('the name of a header', parseCredentialHeader)
    .prefault('authorization')
    .meta(
      key('The header that the token is in. In `authorization` it stands after `Bearer`.', {
        values: 'name of a header, with `auth`, `token`, `key` or `secret` in it',
        like: { nginx: '`token=` of `auth_jwt`', Envoy: 'from_headers' },
      }),
    ),
  algorithms: z
    .array(z.enum(JWT_ALGORITHMS))
    .min(1)
    .default([...JWT_ALGORITHMS])
    .meta(
      key(
        'The algorithms of signatures that are accepted. Algorithms with a shared secret (HS256) cannot be.',
        {
          unset: 'all of these',
          values: `list of ${JWT_ALGORITHMS.map((each) => `\`${each}\``).join(', ')}`,
        },
      ),
    ),
  clockSkew: duration('0s', '5m')
    .prefault('10s')
    .meta(
      key('How far the clocks of the issuer and of this machine may differ.', {
        like: { nginx: 'auth_jwt_leeway', Envoy: 'clock_skew_seconds' },
      }),
    ),
  claims: z
    .record(text, parsed('the name of a header', parseClaimHeader), expecting('a map of claims to headers'))
    .prefault({})
    .meta(
      key(
        'Claims that the service is sent as metadata. A header of the same name that the client sends is removed. A claim within ' +
          'another is written with dots.',
        {
          unset: 'none',
          values: 'map of names of claims to names of headers, such as `{ sub: x-user }`',
          like: { nginx: 'auth_jwt_claim_set', Envoy: 'claim_to_headers' },
        },
      ),
    ),
});

function subject(what: string) {
  return parsed('the name of a header', parseClaimHeader)
    .optional()
    .meta(
      key(
        `The header in which the service is sent ${what}. A header of that name that the client sends is removed.`,
        { unset: 'none', values: 'name of a header, such as `x-user`' },
      ),
    );
}

const apiKey = z.strictObject({
  header: parsed('the name of a header', parseCredentialHeader)
    .prefault('x-api-key')
    .meta(
      key('The header that the key is in. In `authorization` it stands after `Bearer`.', {
        values: 'name of a header, with `auth`, `token`, `key` or `secret` in it',
        like: { Envoy: '`key_sources` of `api_key_auth`' },
      }),
    ),
  file: fileName.meta(
    key('A list of the keys: `NAME:HASH` on each line, with the SHA-256 of the key in hexadecimal.', {
      like: { nginx: '`map` from keys to names' },
    }),
  ),
  subject: subject('the name of the key'),
});

const basic = z.strictObject({
  file: fileName.meta(
    key('A list of the passwords: `USER:HASH` on each line, with a hash by scrypt.', {
      like: { nginx: 'auth_basic_user_file' },
    }),
  ),
  subject: subject('the name of the user'),
});

const certificate = z.strictObject({
  trustDomain: parsed('the name of a trust domain, such as example.org', parseTrustDomain)
    .optional()
    .meta(
      key('Accepts only certificates with a SPIFFE id of this trust domain.', {
        unset: 'every certificate that the listener accepts',
        values: 'name, as after `spiffe://`',
      }),
    ),
  subject: subject('the name in the certificate'),
});

const identity = z
  .strictObject({
    jwt: jwt
      .optional()
      .meta(key('Clients send a signed token (JWT).', { unset: 'none', more: '[Tokens](access.md#tokens)' })),
    apiKey: apiKey
      .optional()
      .meta(key('Clients send an API key.', { unset: 'none', more: '[API keys](access.md#api-keys)' })),
    clientCertificate: certificate.optional().meta(
      key(
        'Clients show a certificate. A listener has to ask for it (`tls.clientAuth`). `{}` takes all defaults.',
        {
          unset: 'none',
          like: { nginx: 'ssl_verify_client' },
          more: '[Client certificates](access.md#client-certificates)',
        },
      ),
    ),
    basic: basic.optional().meta(
      key('Clients send a name and a password (Basic).', {
        unset: 'none',
        like: { nginx: 'auth_basic' },
        more: '[Passwords](access.md#passwords)',
      }),
    ),
  })
  // That there is only one is checked in identity-checks.ts, which is not silent about it while something within is wrong.
  .refine((ways) => Object.keys(ways).length > 0, {
    message: 'needs one of jwt, apiKey, basic and clientCertificate',
  });

export const identities = z
  .record(name, identity, expecting('a map of names to identities'))
  .meta(valueKind('map of names to maps'));
