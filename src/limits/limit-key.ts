// What a call is counted for: its client, its identity, the value of a header field, or a combination. Makes no text where the key is
// one of these.

import { hash } from 'node:crypto';
import type { AdmittedCall } from '../calls/policy.ts';
import type { LimitKeyPart } from '../config/limits-config.ts';

/** @returns the key of a call, of at most LONGEST characters; undefined if it is not counted, as it has none of the header fields that are the whole key */
export type KeyOf = (call: AdmittedCall) => string | undefined;

type TextOf = (call: AdmittedCall) => string;

/** A longer text is replaced by its hash, so that clients cannot choose how much memory a key takes. */
const LONGEST = 128;
/** How many combinations are remembered, so that their texts and hashes need not be made for each call. */
const MOST_JOINED = 16_384;
/** Header fields have no such character, so no value of one imitates a combination. */
const SEPARATOR = '\n';

/** @param parts not empty */
export function compileKey(parts: readonly LimitKeyPart[]): KeyOf {
  const [first, ...others] = parts.map(keyOfPart);
  let keyOf = first;
  for (const next of others) keyOf = joined(keyOf, next);
  return parts.some(({ kind }) => kind !== 'header') ? keyOf : countedByFields(keyOf, parts.length);
}

/** The rule of nginx for an empty key, and of Envoy for a descriptor without its header: calls without the fields are not one caller. */
function countedByFields(keyOf: TextOf, parts: number): KeyOf {
  const withoutFields = SEPARATOR.repeat(parts - 1);
  return (call) => {
    const key = keyOf(call);
    return key === withoutFields ? undefined : key;
  };
}

/** Whether clients can choose keys, as many as they like. */
export function isOfClients(parts: readonly LimitKeyPart[]): boolean {
  return parts.some(({ kind }) => kind === 'header');
}

function keyOfPart(part: LimitKeyPart): TextOf {
  switch (part.kind) {
    case 'client':
      return ({ subject }) => subject.clientKey;
    case 'identity':
      // Without an identity, the client is counted by its address.
      return ({ callerKey, subject }) => boundedKey(callerKey ?? subject.clientKey);
    case 'header':
      return (call) => boundedKey(call.header(part.name) ?? '');
    case 'route':
      return () => '';
    case 'stream':
      throw new Error('a stream is counted by itself, without a key');
    default:
      return part satisfies never;
  }
}

/** @returns the text, or its hash where it is longer than 128 characters */
export function boundedKey(text: string): string {
  return text.length <= LONGEST ? text : hash('sha256', text, 'base64');
}

function joined(firstOf: TextOf, secondOf: TextOf): TextOf {
  const known = new Map<string, Map<string, string>>();
  let size = 0;
  return (call) => {
    const first = firstOf(call);
    const second = secondOf(call);
    let ofFirst = known.get(first);
    const remembered = ofFirst?.get(second);
    if (remembered !== undefined) return remembered;
    if (size >= MOST_JOINED) {
      known.clear();
      ofFirst = undefined;
      size = 0;
    }
    if (ofFirst === undefined) {
      ofFirst = new Map();
      known.set(first, ofFirst);
    }
    const key = boundedKey(`${first}${SEPARATOR}${second}`);
    ofFirst.set(second, key);
    size++;
    return key;
  };
}
