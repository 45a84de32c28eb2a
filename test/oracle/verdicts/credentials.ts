// Tokens that an issuer has signed, and others that look like them, as clients may send them.

import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { ISSUER, type SigningKey, signingKey, signToken } from '../../support/token-issuer.ts';
import type { Field } from './asked-request.ts';

export const AUDIENCE = 'voice';

export interface Issuer {
  readonly keys: readonly SigningKey[];
}

export interface Credentials {
  readonly name: string;
  readonly fields: readonly Field[];
  /** Behind the path. */
  readonly query?: string;
}

type Claims = Readonly<Record<string, unknown>>;

export function newIssuer(): Issuer {
  return { keys: [signingKey('first'), signingKey('second', 'RS256'), signingKey('third', 'EdDSA')] };
}

function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1000) + seconds;
}

/** @returns claims of a good token, in place of which those of `further` stand */
export function claims(further: Claims = {}): Claims {
  return { iss: ISSUER, aud: AUDIENCE, sub: 'alice', scope: 'voice', exp: inSeconds(3600), ...further };
}

function bearer(token: string, name = 'authorization'): Field {
  return [name, `Bearer ${token}`];
}

/** @returns a field with a token that is good but for its claims */
export function tokenWith(issuer: Issuer, further: Claims = {}): Field {
  return bearer(signToken(issuer.keys[0], claims(further)));
}

/** Each with the header of a token of `key`. */
function oddlySigned({ keys: [key] }: Issuer): Readonly<Record<string, string>> {
  const good = signToken(key, claims());
  const [head, payload, signature] = good.split('.');
  const flipped = Buffer.from(signature, 'base64url');
  flipped[7] ^= 1;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    'signed by another key': signToken({ ...key, privateKey }, claims()),
    'of an unknown key': signToken({ ...signingKey('unknown') }, claims()),
    'that names no key': signToken(key, claims(), { kid: undefined }),
    'that names another key of the issuer': signToken(key, claims(), { kid: 'second' }),
    'whose signature has one other bit': `${head}.${payload}.${flipped.toString('base64url')}`,
    'without a signature': `${head}.${payload}.`,
    'whose signature is half as long': `${head}.${payload}.${signature.slice(0, 43)}`,
    'with the claims of somebody else': `${head}.${encoded(claims({ sub: 'mallory' }))}.${signature}`,
    'with the algorithm none': `${encoded({ alg: 'none', kid: 'first' })}.${payload}.`,
    'with the algorithm HS256': signToken(key, claims(), { alg: 'HS256' }),
    'whose secret is the public key': byPublicKey(key),
    'with the algorithm ES384': signToken(key, claims(), { alg: 'ES384' }),
    'with an extension that is critical': signToken(key, claims(), { crit: ['b64'], b64: true }),
    'with a type': signToken(key, claims(), { typ: 'at+jwt' }),
    'with two parts': `${head}.${payload}`,
    'with four parts': `${good}.AAAA`,
    'with padding': `${good}==`,
    'that is no token': 'abc',
    'that is empty': '',
  };
}

/** As a library accepts it that takes the public key for a shared secret. */
function byPublicKey({ kid, privateKey }: SigningKey): string {
  const text = `${encoded({ alg: 'HS256', kid })}.${encoded(claims())}`;
  const secret = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' });
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

const ODD_CLAIMS: Readonly<Record<string, () => Claims>> = {
  'that expired two minutes ago': () => ({ exp: inSeconds(-120) }),
  'that expired 30 seconds ago': () => ({ exp: inSeconds(-30) }),
  'that expired 2 seconds ago': () => ({ exp: inSeconds(-2) }),
  'that never expires': () => ({ exp: undefined }),
  'whose expiry is a text': () => ({ exp: String(inSeconds(3600)) }),
  'whose expiry has a fraction': () => ({ exp: inSeconds(3600) + 0.5 }),
  'that is valid in two minutes': () => ({ nbf: inSeconds(120) }),
  'that is valid in 30 seconds': () => ({ nbf: inSeconds(30) }),
  'that is valid since a minute': () => ({ nbf: inSeconds(-60) }),
  'issued in the future': () => ({ iat: inSeconds(600) }),
  'of another issuer': () => ({ iss: 'https://evil.test' }),
  'of nobody': () => ({ iss: undefined }),
  'for another audience': () => ({ aud: 'website' }),
  'for no audience': () => ({ aud: undefined }),
  'for two audiences': () => ({ aud: ['website', AUDIENCE] }),
  'for two other audiences': () => ({ aud: ['website', 'mail'] }),
  'for an audience with a slash': () => ({ aud: `${AUDIENCE}/` }),
  'without a subject': () => ({ sub: undefined }),
  'of a subject with an accent': () => ({ sub: 'Zoë' }),
  'of a subject with a comma': () => ({ sub: 'a, b' }),
  'of a subject that is a number': () => ({ sub: 7 }),
  'of a team': () => ({ team: 'blue' }),
  'of two teams': () => ({ team: ['blue', 'red'] }),
};

function one(name: string, ...fields: readonly Field[]): Credentials {
  return { name, fields };
}

/** All of them, each once. */
export function allCredentials(issuer: Issuer): readonly Credentials[] {
  const good = signToken(issuer.keys[0], claims());
  const bad = signToken(issuer.keys[0], claims({ aud: 'website' }));
  return [
    one('no token'),
    ...issuer.keys.map((key) => one(`a good token, ${key.algorithm}`, bearer(signToken(key, claims())))),
    ...Object.entries(ODD_CLAIMS).map(([name, further]) =>
      one(`a token ${name}`, tokenWith(issuer, further())),
    ),
    ...Object.entries(oddlySigned(issuer)).map(([name, token]) => one(`a token ${name}`, bearer(token))),
    one('a token twice in the same field', ['authorization', `Bearer ${good}, Bearer ${good}`]),
    one('a good token in two fields', bearer(good), bearer(good)),
    one('a good token and a bad one', bearer(good), bearer(bad)),
    one('a bad token and a good one', bearer(bad), bearer(good)),
    one('a token after "bearer"', ['authorization', `bearer ${good}`]),
    one('a token after "Bearer" and two spaces', ['authorization', `Bearer  ${good}`]),
    one('a token without "Bearer"', ['authorization', good]),
    one('a token after "Token"', ['authorization', `Token ${good}`]),
    one('a password', ['authorization', `Basic ${Buffer.from('alice:secret').toString('base64')}`]),
    one('a token in another field', bearer(good, 'x-token')),
    one('a token in proxy-authorization', bearer(good, 'proxy-authorization')),
    one('a token in a cookie', ['cookie', `authorization=${good}`]),
    one(
      'a good token, and fields that say who calls',
      bearer(good),
      ['x-user', 'mallory'],
      ['x-team', 'red'],
    ),
    one('no token, and fields that say who calls', ['x-user', 'mallory'], ['x-team', 'red']),
    { name: 'a token in the query', fields: [], query: `?access_token=${good}` },
  ];
}
