// Reads what a store needs beside the configuration: its password, and the certificates of its authorities. No message shows any part of
// a secret.

import { readFileSync, statSync } from 'node:fs';
import { judgeAuthorities } from './authority-checks.ts';
import type { Fault } from './problem.ts';
import type { SecretSource } from './secret-source.ts';
import type { StoreConfig } from './stores-config.ts';
import { readingFault } from './system-error.ts';

const MOST_PASSWORD_BYTES = 4096;
const MOST_AUTHORITY_BYTES = 1_048_576;

export type Environment = Readonly<Record<string, string | undefined>>;

export interface StoreSecrets {
  readonly password: string | undefined;
  /** PEM. */
  readonly ca: string | undefined;
}

/** @param path the key that it is about, below that of the store */
export type SecretFault = Fault & { readonly path: readonly string[] };

/** @returns the secrets, or what is wrong with them */
export function readStoreSecrets(
  { password, tls }: Pick<StoreConfig, 'password' | 'tls'>,
  environment: Environment = process.env,
): StoreSecrets | { readonly faults: readonly SecretFault[] } {
  const faults: SecretFault[] = [];
  const read = (path: readonly string[], found: { readonly text: string } | Fault): string | undefined => {
    if ('text' in found) return found.text;
    faults.push({ path, ...found });
    return undefined;
  };
  const secrets = {
    password: password && read(['password', password.kind], readPassword(password, environment)),
    ca: tls?.ca === undefined ? undefined : read(['ca'], readAuthorities(tls.ca)),
  };
  return faults.length > 0 ? { faults } : secrets;
}

function readPassword(source: SecretSource, environment: Environment): { readonly text: string } | Fault {
  if (source.kind === 'environment') {
    const text = environment[source.variable];
    const what = `the environment variable ${source.variable}`;
    return text === undefined ? { message: `${what} is not set` } : judge(text, what);
  }
  const found = readText(source.file, MOST_PASSWORD_BYTES);
  return 'text' in found ? judge(found.text, source.file) : found;
}

function judge(text: string, what: string): { readonly text: string } | Fault {
  const password = text.replace(/\r?\n$/, '');
  if (password === '') return { message: `${what} is empty` };
  return /[\r\n\0]/.test(password)
    ? { message: `${what} holds several lines, and a password is one` }
    : { text: password };
}

function readAuthorities(file: string): { readonly text: string } | Fault {
  const found = readText(file, MOST_AUTHORITY_BYTES);
  if (!('text' in found)) return found;
  const judged = judgeAuthorities(Buffer.from(found.text), file, Date.now());
  return judged.find(({ severity }) => severity === 'error') ?? found;
}

function readText(file: string, mostBytes: number): { readonly text: string } | Fault {
  try {
    const found = statSync(file);
    if (!found.isFile()) return { message: `${file} is no regular file` };
    if (found.size > mostBytes) return { message: `${file} holds more than ${mostBytes} bytes` };
    return { text: readFileSync(file, 'utf8') };
  } catch (error) {
    return { message: `${file} cannot be read: ${readingFault(error)}` };
  }
}
