// Reads the token of the admin server from where the configuration says it is. No message shows any part of what was read.

import { readFileSync, statSync } from 'node:fs';
import type { AdminTokenSource } from './config.ts';
import type { Fault, Finding } from './problem.ts';
import { mapOf, textOf } from './raw-value.ts';
import { besideConfig } from './resolve-config.ts';
import { sourceOf } from './secret-source.ts';
import { readingFault } from './system-error.ts';

/** A shorter one can be guessed. */
const LEAST_CHARACTERS = 16;
const MOST_CHARACTERS = 1024;
/** What a client can send behind `Bearer` (RFC 6750, section 2.1). */
const TOKEN_CHARACTERS = /^[A-Za-z0-9._~+/-]+=*$/;

export type Environment = Readonly<Record<string, string | undefined>>;

/** @returns the token, without the line break behind it, or why there is none that can be used */
export function readAdminToken(
  source: AdminTokenSource,
  environment: Environment = process.env,
): { readonly token: string } | Fault {
  if (source.kind === 'environment') {
    const text = environment[source.variable];
    const what = `the environment variable ${source.variable}`;
    return text === undefined ? { message: `${what} is not set`, hint: howToMake } : judge(text, what);
  }
  try {
    const found = statSync(source.file);
    if (!found.isFile()) return { message: `${source.file} is no regular file`, hint: howToMake };
    if (found.size > 2 * MOST_CHARACTERS) return tooLong(source.file);
    return judge(readFileSync(source.file, 'utf8'), source.file);
  } catch (error) {
    return { message: `${source.file} cannot be read: ${readingFault(error)}`, hint: howToMake };
  }
}

const howToMake = 'openssl rand -hex 32 makes a token';

function judge(text: string, what: string): { readonly token: string } | Fault {
  const token = text.replace(/\r?\n$/, '');
  if (token.length > MOST_CHARACTERS) return tooLong(what);
  if (token.length < LEAST_CHARACTERS) {
    return { message: `${what} holds fewer than ${LEAST_CHARACTERS} characters`, hint: howToMake };
  }
  if (TOKEN_CHARACTERS.test(token)) return { token };
  const message = `${what} holds characters that no bearer token has: a token is one word of letters, digits and -._~+/`;
  return { message, hint: howToMake };
}

function tooLong(what: string): Fault {
  return { message: `${what} holds more than ${MOST_CHARACTERS} characters`, hint: howToMake };
}

/** @param document as written in the file, which may be invalid */
export function findAdminTokenProblems(
  document: unknown,
  configFile: string,
  environment?: Environment,
): readonly Finding[] {
  const token = mapOf(mapOf(mapOf(document).get('admin')).get('token'));
  const [file, variable] = [textOf(token.get('file')), textOf(token.get('environment'))];
  const source = sourceOf(file && besideConfig(configFile, file), variable);
  if (source === undefined) return [];
  const read = readAdminToken(source, environment);
  if ('token' in read) return [];
  const path = ['admin', 'token', source.kind];
  return [{ severity: 'error', path, at: 'value', message: read.message, hint: read.hint }];
}
