// How an admin server proves that it knows its token before a client sends it. Any user of a machine may listen on the port of a proxy that
// does not run, and would otherwise be sent the token.

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** A client sends random bytes in this field of `GET /live`, in hexadecimal. */
export const CHALLENGE_FIELD = 'framegate-token-challenge';
/** The answer has this field if the server has a token: the challenge, authenticated with the token as the key. */
export const PROOF_FIELD = 'framegate-token-proof';

const CHALLENGE = /^[0-9a-f]{64}$/;

/** What a server keeps of its token. */
export function tokenDigest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** @returns undefined for what is no challenge */
export function proofOf(digest: Buffer, challenge: unknown): string | undefined {
  if (typeof challenge !== 'string' || !CHALLENGE.test(challenge)) return undefined;
  return createHmac('sha256', digest).update(`framegate admin ${challenge}`).digest('hex');
}

export function isProof(token: string, challenge: string, proof: unknown): boolean {
  const expected = proofOf(tokenDigest(token), challenge);
  if (typeof proof !== 'string' || expected === undefined || proof.length !== expected.length) return false;
  return timingSafeEqual(Buffer.from(proof), Buffer.from(expected));
}
