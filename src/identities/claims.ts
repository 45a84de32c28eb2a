// What is read from the claims of a verified token: values by name, and the header fields that they become.

import { AddedFields } from '../calls/added-fields.ts';

const LONGEST_FIELD = 4096;

/** @param name the name of a claim, or several names with dots between them for a claim within another */
export function claimOf(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let found: unknown = claims;
  for (const step of name.split('.')) {
    if (typeof found !== 'object' || found === null || Array.isArray(found)) return undefined;
    if (!Object.hasOwn(found, step)) return undefined;
    found = Reflect.get(found, step);
  }
  return found;
}

/** Claims whose texts are words with spaces between them (RFC 8693 section 4.2). */
const WORDS: ReadonlySet<string> = new Set(['scope', 'scp']);

/** Whether a claim has one of the values: as a text, a number or a boolean, or as one of a list or of the words of a scope. */
export function holdsClaim(
  claims: Readonly<Record<string, unknown>>,
  name: string,
  wanted: readonly string[],
): boolean {
  const value = claimOf(claims, name);
  if (Array.isArray(value)) return value.some((one) => isSimple(one) && wanted.includes(String(one)));
  if (!isSimple(value)) return false;
  const text = String(value);
  return wanted.includes(text) || (WORDS.has(name) && text.split(' ').some((word) => wanted.includes(word)));
}

/** Metadata of gRPC is ASCII, so other characters are percent-encoded, as in grpc-message. */
export function inAscii(text: string): string {
  return text.toWellFormed().replace(/[^\x20-\x7e]|%|^ +| +$/gu, encodeURIComponent);
}

function isSimple(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

/**
 * @param names maps names of claims to names of header fields
 * @returns the header fields, without those of claims that are missing or are objects; or the name of a claim that no field can hold
 */
export function fieldsOf(
  claims: Readonly<Record<string, unknown>>,
  names: ReadonlyMap<string, string>,
): AddedFields | string {
  const fields: (readonly [name: string, value: string])[] = [];
  for (const [claim, header] of names) {
    const value = claimOf(claims, claim);
    const parts = (Array.isArray(value) ? value : [value]).filter(isSimple);
    if (parts.length === 0) continue;
    const field = inAscii(parts.join(','));
    if (field.length > LONGEST_FIELD) return claim;
    fields.push([header, field]);
  }
  return new AddedFields(fields);
}
