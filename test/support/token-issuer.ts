// An issuer of tokens: it signs with node:crypto, so that no library verifies what it has made itself, and serves its public keys by HTTP.

import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { TestContext } from 'node:test';
import { listen } from '../edges/edge-under-test.ts';

export interface SigningKey {
  readonly kid: string;
  readonly algorithm: 'ES256' | 'RS256' | 'EdDSA';
  readonly privateKey: KeyObject;
  readonly publicKey: Readonly<Record<string, unknown>>;
}

export function signingKey(kid: string, algorithm: SigningKey['algorithm'] = 'ES256'): SigningKey {
  const { privateKey, publicKey } = pairFor(algorithm);
  return {
    kid,
    algorithm,
    privateKey,
    publicKey: { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' },
  };
}

function pairFor(algorithm: SigningKey['algorithm']) {
  if (algorithm === 'RS256') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  return algorithm === 'ES256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('ed25519');
}

export const ISSUER = 'https://id.test';

/** @param inSeconds the time until it expires */
export function claimsFor(sub: string, inSeconds = 600): Record<string, unknown> {
  return { iss: ISSUER, aud: 'voice', sub, exp: Date.now() / 1000 + inSeconds };
}

export function signToken(
  key: SigningKey,
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): string {
  const signed = `${encoded({ alg: key.algorithm, kid: key.kid, ...header })}.${encoded(claims)}`;
  const hash = key.algorithm === 'EdDSA' ? undefined : 'sha256';
  const signature = sign(hash, Buffer.from(signed), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

/** @returns the token with another signature */
export function forged(token: string): string {
  const [header, payload] = token.split('.');
  return `${header}.${payload}.${Buffer.alloc(64, Math.random() * 255).toString('base64url')}`;
}

export function keySetText(keys: readonly SigningKey[]): string {
  return JSON.stringify({ keys: keys.map(({ publicKey }) => publicKey) });
}

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

export class TokenIssuer {
  readonly url: string;
  /** The keys that it publishes. */
  keys: readonly SigningKey[] = [signingKey('first')];
  /** What it answers instead of keys. */
  failure: number | undefined = undefined;
  asked = 0;

  private constructor(port: () => number) {
    this.url = `http://127.0.0.1:${port()}/jwks.json`;
  }

  static async start(test: TestContext): Promise<TokenIssuer> {
    let port = 0;
    let issuer: TokenIssuer | undefined;
    const server = createServer((_request, response) => {
      if (issuer === undefined) return;
      issuer.asked++;
      response.writeHead(issuer.failure ?? 200).end(keySetText(issuer.keys));
    });
    port = await listen(test, server);
    issuer = new TokenIssuer(() => port);
    return issuer;
  }

  /** @returns a token by its first key */
  token(sub: string, further: Readonly<Record<string, unknown>> = {}): string {
    return signToken(this.keys[0], { ...claimsFor(sub), ...further });
  }

  /** @returns an identity of the configuration */
  identity(further: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
    return { jwt: { issuer: ISSUER, audience: 'voice', jwks: this.url, ...further } };
  }
}
