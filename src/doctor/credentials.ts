// The credentials that a person gives the doctor for its calls: header fields, and a certificate with its key. No report shows them.

import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { parseHeaderName, parseHeaderValue } from '../config/match-criteria.ts';
import { isFault } from '../config/problem.ts';
import { readingFault } from '../config/system-error.ts';
import { NO_SECRET_FIELDS, SecretFields } from './secret-fields.ts';

export interface Credentials {
  readonly headers: SecretFields;
  readonly certificate: { readonly cert: Buffer; readonly key: Buffer } | undefined;
}

export const NO_CREDENTIALS: Credentials = { headers: NO_SECRET_FIELDS, certificate: undefined };

/** What the doctor's calls have already. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  'host',
  'te',
  'content-type',
  'content-length',
  'user-agent',
]);

export interface GivenCredentials {
  /** Each is NAME:VALUE, or NAME:@FILE. */
  readonly header: readonly string[];
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** @returns what is wrong, in a sentence that holds no value */
export function readCredentials({ header, cert, key }: GivenCredentials): Credentials | string {
  const values = new Map<string, string>();
  for (const each of header) {
    const field = readField(each);
    if (typeof field === 'string') return field;
    if (values.has(field.name)) return `--header ${field.name} is given twice`;
    values.set(field.name, field.value);
  }
  const headers = new SecretFields(values);
  if (cert === undefined && key === undefined) return { headers, certificate: undefined };
  if (cert === undefined || key === undefined) return '--cert FILE and --key FILE belong together: give both';
  const certificate = readPair(cert, key);
  return typeof certificate === 'string' ? certificate : { headers, certificate };
}

function readField(text: string): { readonly name: string; readonly value: string } | string {
  const colon = text.indexOf(':');
  // What has no colon may be the value alone, and is not repeated.
  if (colon < 1) return '--header takes NAME:VALUE, such as "authorization:Bearer TOKEN"';
  const name = parseHeaderName(text.slice(0, colon).trim());
  if (isFault(name) || OWN_FIELDS.has(name))
    return '--header takes the name of a header field before the colon, such as authorization, and none that each call has already';
  const written = text.slice(colon + 1).trim();
  const content = written.startsWith('@') ? read(written.slice(1)) : Buffer.from(written);
  if (typeof content === 'string') return content;
  const value = content.toString().trim();
  if (value === '') return `--header ${name} has no value`;
  // Node sends bytes: only what Latin-1 has, and no control characters (RFC 9110 section 5.5).
  if (isFault(parseHeaderValue(value)) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
    return `the value of --header ${name} has characters that a header field cannot hold`;
  return { name, value };
}

function read(file: string): Buffer | string {
  try {
    return readFileSync(file);
  } catch (error) {
    return `${file} cannot be read: ${readingFault(error)}`;
  }
}

function readPair(cert: string, key: string): Exclude<Credentials['certificate'], undefined> | string {
  const [certPem, keyPem] = [read(cert), read(key)];
  if (typeof certPem === 'string') return certPem;
  if (typeof keyPem === 'string') return keyPem;
  try {
    createSecureContext({ cert: certPem, key: keyPem });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `--cert and --key cannot be used together: ${reason}`;
  }
  return { cert: certPem, key: keyPem };
}
