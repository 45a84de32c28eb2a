// A token as an issuer of JWTs gives it to a client, and the file with the issuer's keys.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export interface IssuedToken {
  readonly issuer: string;
  readonly audience: string;
  /** A JWK set. */
  readonly keysFile: string;
  /** The value of `authorization`. */
  readonly authorization: string;
}

const ISSUER = 'https://id.example.com';
const AUDIENCE = 'voice';
const KEY_ID = 'first';
/** Much longer than a benchmark takes. */
const GOOD_FOR = '12h';

/** Tokens by the folder of their keys: all proxies of a benchmark get the same. */
const issued = new Map<string, Promise<IssuedToken>>();

export function tokenFor(folder: string): Promise<IssuedToken> {
  const known = issued.get(folder) ?? issue(folder);
  issued.set(folder, known);
  return known;
}

async function issue(folder: string): Promise<IssuedToken> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const keysFile = join(folder, 'issuer-keys.json');
  const keys = [{ ...(await exportJWK(publicKey)), kid: KEY_ID, alg: 'ES256', use: 'sig' }];
  writeFileSync(keysFile, JSON.stringify({ keys }));
  const token = await new SignJWT({ scope: 'voice' })
    .setProtectedHeader({ alg: 'ES256', kid: KEY_ID })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject('alice')
    .setIssuedAt()
    .setExpirationTime(GOOD_FOR)
    .sign(privateKey);
  return { issuer: ISSUER, audience: AUDIENCE, keysFile, authorization: `Bearer ${token}` };
}
