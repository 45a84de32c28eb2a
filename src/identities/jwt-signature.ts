// Verifies the signature of a token. This is the home of jose, and is loaded with the first configuration that has tokens.

import { errors, jwtVerify } from 'jose';
import type { PublicKey } from '../config/public-keys.ts';

export interface SignatureTerms {
  readonly issuer: string;
  readonly audience: readonly string[];
  readonly algorithm: string;
  readonly clockSkewMs: number;
  readonly now: Date;
}

/**
 * Checks the signature by one of the keys, and once more everything that the token says about itself.
 * Rejects only with what nobody has foreseen.
 * @param keys one at least
 * @returns the claims, or why the token is not accepted, in words that hold nothing of the token
 */
export async function verifyToken(
  token: string,
  keys: readonly PublicKey[],
  { issuer, audience, algorithm, clockSkewMs, now }: SignatureTerms,
): Promise<Readonly<Record<string, unknown>> | string> {
  const options = {
    algorithms: [algorithm],
    issuer,
    ...(audience.length > 0 && { audience: [...audience] }),
    clockTolerance: clockSkewMs / 1000,
    currentDate: now,
    requiredClaims: ['exp'],
  };
  for (const key of keys) {
    try {
      // jose imports a key once, and remembers it by its object.
      const { payload } = await jwtVerify(token, key, options);
      return payload;
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) continue;
      if (error instanceof errors.JOSEError) return `it is not accepted (${error.code})`;
      throw error;
    }
  }
  return keys.length === 1
    ? 'its signature is not of the key that it names'
    : 'its signature is of none of the keys';
}
