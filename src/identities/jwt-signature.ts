// Verifies the signature of a token. This is the home of jose, and is loaded with the first configuration that has tokens.

import { errors, jwtVerify } from 'jose';
import type { PublicKey } from '../config/public-keys.ts';

/** Errors of jose in words. Its own may repeat what the token holds. */
const WORDS: Readonly<Record<string, string>> = {
  ERR_JOSE_ALG_NOT_ALLOWED: 'its algorithm is not that of the key',
  ERR_JOSE_NOT_SUPPORTED: 'its key or its algorithm cannot be used',
  ERR_JWK_INVALID: 'the key of the issuer cannot be used',
  ERR_JWS_INVALID: 'one of its parts is cut off or changed: it is not base64url, or not JSON',
  ERR_JWT_CLAIM_VALIDATION_FAILED: 'one of its claims iss, aud, exp and nbf does not hold',
  ERR_JWT_EXPIRED: 'the token has expired',
  ERR_JWT_INVALID: 'its claims are not JSON',
};

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
      if (error instanceof errors.JOSEError)
        return `${WORDS[error.code] ?? 'it is not accepted'} (${error.code})`;
      throw error;
    }
  }
  return keys.length === 1
    ? 'its signature is not of the key that it names'
    : 'its signature is of none of the keys';
}
