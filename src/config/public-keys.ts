// Public keys of an issuer of tokens, as a JSON Web Key Set has them (RFC 7517). Parsing keeps only what verifying needs: a private key
// that somebody has published by mistake goes no further.

import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Fault } from './problem.ts';

/** A public key in the form of a JSON Web Key, with nothing but its public members. */
export type PublicKey = Readonly<Record<string, string>>;

/** The newest keys of one source. */
export interface KeysUpdate {
  /** The URL or the file, as `KeySource.text`. */
  readonly source: string;
  /** The last keys that could be read. Empty if there were none yet. */
  readonly keys: readonly PublicKey[];
  /** Why the last attempt to read them has failed. Undefined if it has not. */
  readonly problem?: string | undefined;
}

/** A larger text is no key set. */
export const LARGEST_KEY_SET_BYTES = 1_048_576;
const MOST_KEYS = 100;
const LEAST_RSA_BITS = 2048;

const MEMBERS = ['kty', 'kid', 'alg', 'crv', 'x', 'y', 'n', 'e'] as const;

/** @returns the keys that can verify signatures, or why the text has none */
export function parseKeySet(text: string): readonly PublicKey[] | Fault {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { message: 'is no JSON', hint: 'a key set looks like {"keys": [{"kty": "RSA", …}]}' };
  }
  const listed: unknown = isRecord(value) ? value['keys'] : undefined;
  if (!Array.isArray(listed))
    return { message: 'has no list "keys"', hint: 'a key set looks like {"keys": [{"kty": "RSA", …}]}' };
  if (listed.length > MOST_KEYS) return { message: `has more than ${MOST_KEYS} keys` };
  const keys = listed.map(publicKeyOf).filter((key) => key !== undefined);
  if (keys.length > 0) return keys;
  return {
    message: 'has no key that verifies signatures',
    hint: `RSA keys of ${LEAST_RSA_BITS} bits and more, and EC and Ed25519 keys do, unless they are for something else (use, key_ops)`,
  };
}

function publicKeyOf(value: unknown): PublicKey | undefined {
  if (!isRecord(value)) return undefined;
  const { use, key_ops: operations } = value;
  if (use !== undefined && use !== 'sig') return undefined;
  if (Array.isArray(operations) && !operations.includes('verify')) return undefined;
  const members = MEMBERS.flatMap((name) => {
    const member = value[name];
    return typeof member === 'string' ? [[name, member] as const] : [];
  });
  const key = Object.fromEntries(members);
  return isUsable(key) ? key : undefined;
}

function isUsable(key: PublicKey): boolean {
  try {
    const made = createPublicKey({ key, format: 'jwk' });
    return made.asymmetricKeyType !== 'rsa' || bitsOf(made) >= LEAST_RSA_BITS;
  } catch {
    return false;
  }
}

function bitsOf({ asymmetricKeyDetails }: KeyObject): number {
  return asymmetricKeyDetails?.modulusLength ?? 0;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
