// Reads a token without believing it. What it says against itself (it has expired, it is for somebody else) is reason enough to refuse it
// without verifying its signature.

import type { JwtConfig } from '../config/identity-config.ts';
import type { PublicKey } from '../config/public-keys.ts';

/** Longer tokens are refused unread. */
const LONGEST_TOKEN = 16_384;
const LONGEST_QUOTED = 64;
/** More audiences of the configuration are not named. */
const MOST_NAMED = 4;
const JWT = /^([\w-]+)\.([\w-]+)\.([\w-]*)$/;
/** The end of the year 9999. Later times are no dates (RFC 3339), and mean that a token never expires. */
const LATEST_EXPIRY_S = 253_402_300_799;

export interface UnverifiedToken {
  readonly algorithm: string;
  /** The name of the key that has signed it. Undefined if it names none. */
  readonly keyId: string | undefined;
}

export interface TokenFault {
  readonly sentence: string;
  /** What the client may be told. */
  readonly told?: string;
  /** The token is of another issuer, and may be meant for another identity. */
  readonly isOfAnother?: boolean;
}

/** @returns what is needed to verify the token, or why it is refused. The sentence holds nothing secret. */
export function readToken(token: string, config: JwtConfig, nowMs: number): UnverifiedToken | TokenFault {
  if (token.length > LONGEST_TOKEN)
    return { sentence: `the token is longer than ${LONGEST_TOKEN} characters` };
  const [, ...parts] = JWT.exec(token) ?? [];
  // It may be an API key.
  if (parts.length < 3) return { sentence: 'it is no JWT', isOfAnother: true };
  const [header, payload] = [decoded(parts[0]), decoded(parts[1])];
  if (header === undefined || payload === undefined) return { sentence: 'it is no JWT', isOfAnother: true };
  // The last character can be written in several ways, and each would have to be verified.
  if (Buffer.from(parts[2], 'base64url').toString('base64url') !== parts[2])
    return { sentence: 'its signature is not written as base64url' };
  const { alg, kid, crit } = header;
  const { iss } = payload;
  if (iss !== config.issuer)
    return {
      sentence: `the issuer of the token (iss) is ${quoted(iss)}, not ${quoted(config.issuer)}`,
      isOfAnother: true,
    };
  if (typeof alg !== 'string' || !config.algorithms.includes(alg))
    return { sentence: `its algorithm ${quoted(alg)} is not among the algorithms` };
  if (crit !== undefined || (kid !== undefined && typeof kid !== 'string'))
    return { sentence: 'its header has members that are not understood' };
  return faultOfClaims(payload, config, nowMs) ?? { algorithm: alg, keyId: kid };
}

function faultOfClaims(
  { aud, exp, nbf }: Readonly<Record<string, unknown>>,
  { audience, clockSkewMs }: JwtConfig,
  nowMs: number,
): TokenFault | undefined {
  if (typeof exp !== 'number') return { sentence: 'the token has no time of expiry (exp)' };
  if (exp > LATEST_EXPIRY_S) return { sentence: 'its time of expiry (exp) is no date' };
  if (exp * 1000 + clockSkewMs <= nowMs) {
    const agoS = Math.floor((nowMs - exp * 1000) / 1000);
    return { sentence: `the token expired ${agoS} s ago`, told: 'the token has expired' };
  }
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf * 1000 - clockSkewMs <= nowMs))
    return { sentence: 'the token is not valid yet (nbf)', told: 'the token is not valid yet' };
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (audience.length === 0 || audience.some((each) => named.includes(each))) return undefined;
  const wanted = audience.slice(0, MOST_NAMED).map(quoted).join(' or ');
  return { sentence: `the token is for ${quoted(named[0])}, not for the audience ${wanted}` };
}

export function isTokenFault(read: UnverifiedToken | TokenFault): read is TokenFault {
  return 'sentence' in read;
}

/** @returns the keys that may have signed the token, four at most */
export function keysFor(
  { algorithm, keyId }: UnverifiedToken,
  keys: readonly PublicKey[],
): readonly PublicKey[] {
  return keys
    .filter(
      ({ kid, alg }) => (keyId === undefined || kid === keyId) && (alg === undefined || alg === algorithm),
    )
    .filter((key) => fits(key, algorithm))
    .slice(0, 4);
}

/** The type of the key and its curve, by the algorithm. All others have keys for RSA. */
const CURVES: Readonly<Record<string, readonly [type: string, curve: string]>> = {
  ES256: ['EC', 'P-256'],
  ES384: ['EC', 'P-384'],
  ES512: ['EC', 'P-521'],
  EdDSA: ['OKP', 'Ed25519'],
};

function fits({ kty, crv }: PublicKey, algorithm: string): boolean {
  if (!Object.hasOwn(CURVES, algorithm)) return kty === 'RSA';
  const [type, curve] = CURVES[algorithm];
  return kty === type && crv === curve;
}

/** Texts of clients for the log: short, visible, and of the members that tell tokens apart only. */
export function quoted(value: unknown): string {
  if (typeof value !== 'string') return value === undefined ? 'nobody' : 'something that is no text';
  return `'${value.slice(0, LONGEST_QUOTED).replace(/[^\x20-\x7e]/g, '?')}'`;
}

function decoded(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
