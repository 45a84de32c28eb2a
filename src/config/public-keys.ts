// Public keys of an issuer of tokens, as a JSON Web Key Set has them (RFC 7517). Parsing keeps only what verifying needs: a private key
// that somebody has published by mistake goes no further.

import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Fault } from './problem.ts';

/** A public key in the form of a JSON Web Key, with nothing but its public members. */
export type PublicKey = Readonly<Record<string, string>>;

/** The newest keys of one source. */
export interface KeysUpdate {
  /** As keySetName tells it. */
  readonly source: string;
  /** The last keys that could be read. Empty if there were none yet, if their file is gone, or if the list is empty. */
  readonly keys: readonly PublicKey[];
  /** Why the last attempt to read them has failed. Undefined if it has not: then the keys are all that there are. */
  readonly problem?: string | undefined;
  /** The configuration does not name the source any more. */
  readonly isDropped?: boolean | undefined;
}

/** What a text says. */
export interface ReadKeys {
  readonly keys: readonly PublicKey[];
  /** What cannot be used. It counts as if it were not there. */
  readonly leftOut: readonly LeftOut[];
}

/** Its message follows the name of the source. */
export interface LeftOut extends Fault {
  /** Counts from 1. */
  readonly line?: number;
}

/** What is left out, after FILE:LINE. */
export function leftOutText(source: string, { line, message }: LeftOut): string {
  return `${line === undefined ? source : `${source}:${line}`} ${message}`;
}

/** A larger text is no key set. */
export const LARGEST_KEY_SET_BYTES = 1_048_576;
const MOST_KEYS = 100;
const LEAST_RSA_BITS = 2048;

/** The public members of a key, by its type. Others would say something that does not hold for it. */
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  RSA: ['kty', 'kid', 'alg', 'n', 'e'],
  EC: ['kty', 'kid', 'alg', 'crv', 'x', 'y'],
  OKP: ['kty', 'kid', 'alg', 'crv', 'x'],
};

/** @returns the keys that can verify signatures, or why the text is no key set */
export function parseKeySet(text: string): ReadKeys | Fault {
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
  if (keys.length > 0 || listed.length === 0) return { keys, leftOut: [] };
  const fault = {
    message: 'has no key that verifies signatures',
    hint: `RSA keys of ${LEAST_RSA_BITS} bits and more, and EC and Ed25519 keys do, unless they are for something else (use, key_ops)`,
  };
  return { keys, leftOut: [fault] };
}

function publicKeyOf(value: unknown): PublicKey | undefined {
  if (!isRecord(value)) return undefined;
  const { use, key_ops: operations } = value;
  if (use !== undefined && use !== 'sig') return undefined;
  if (Array.isArray(operations) && !operations.includes('verify')) return undefined;
  const type = value['kty'];
  if (typeof type !== 'string' || !Object.hasOwn(MEMBERS, type)) return undefined;
  const members = MEMBERS[type].flatMap((name) => {
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
