// Asks the admin server of a running proxy, for the commands that operate one.
// Any program may answer at that address, so the answer is bounded in size and time and nothing in it is trusted.

import { readFileSync, realpathSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { resolve } from 'node:path';
import { parseAddress } from '../config/address.ts';
import type { Address } from '../config/config.ts';
import { errorCode } from '../config/error-code.ts';
import { type LoadedConfig, parseConfig, type RefusedConfig } from '../config/load-config.ts';
import { formatProblem } from '../config/problem.ts';
import { isStandardInput } from '../config/standard-input.ts';
import { readingFault, systemErrorWords } from '../config/system-error.ts';
import { describeMissing } from './options.ts';

/** What follows from `-c`, which may name another file than the proxy was started with, and from `--admin`. */
export interface AdminOptions {
  readonly admin: string | undefined;
  readonly config: string | undefined;
}

export interface AdminAnswer {
  readonly status: number;
  /** The parsed body, or the text itself if it is not JSON. */
  readonly body: unknown;
}

/** The help of the options that all commands of a running proxy have. */
export const ADMIN_OPTIONS_HELP = `\
      --admin ADDRESS  the admin server: HOST:PORT or unix:/PATH
  -c, --config FILE    take its address from this configuration
                       (default: config.yaml; without that file 127.0.0.1:9901)`;

export const adminOptions = {
  admin: { type: 'string' },
  config: { type: 'string', short: 'c' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

const defaultAddress = '127.0.0.1:9901';
const defaultFile = 'config.yaml';
const mostBytes = 32 * 1024 * 1024;
/** A reload checks files, names and certificates, and starts connections, before it answers. */
const timeoutMs = 60_000;

/** Where the admin server is, and whose configuration said so. */
export interface FoundAdmin {
  readonly address: Address;
  /** The configuration that named the address. Undefined if `--admin` did, or nothing. */
  readonly file: string | undefined;
}

/** @returns where the admin server is, or a sentence about why that is not known */
export function findAdmin({ admin, config }: AdminOptions): FoundAdmin | string {
  if (admin !== undefined)
    return found(parsed(admin.replace(/^https?:\/\//, '').replace(/\/$/, ''), '--admin'));
  const file = config ?? defaultFile;
  const missing = isStandardInput(file)
    ? 'a configuration on standard input names no address here'
    : describeMissing(file);
  if (missing !== undefined) {
    return config === undefined
      ? found(parsed(defaultAddress, 'the default'))
      : `${missing}; or give --admin HOST:PORT`;
  }
  const loaded = withoutFiles(file);
  if (typeof loaded === 'string') return loaded;
  if ('problems' in loaded) {
    const problems = loaded.problems.map((problem) => formatProblem(problem)).join('\n');
    return `nothing was asked, since ${file} cannot be used and so does not say where the admin server is; a running proxy stays as it is. Fix the file, or give --admin HOST:PORT:\n${problems}`;
  }
  const address = loaded.config.admin?.address;
  return address === undefined ? `${file} has no admin server (admin: off)` : { address, file };
}

/** Certificates and keys are not looked at, since whoever asks may not be allowed to read them. */
function withoutFiles(file: string): LoadedConfig | RefusedConfig | string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return `${file} cannot be read: ${readingFault(error)}; or give --admin HOST:PORT`;
  }
  return parseConfig(text, file);
}

function found(address: Address | string): FoundAdmin | string {
  return typeof address === 'string' ? address : { address, file: undefined };
}

/**
 * Compares the configuration that named the address with the one that the proxy there runs with: several files may name the same
 * address, above all the default one.
 * @returns a sentence if they are two files
 */
export async function describeOtherProxy({ address, file }: FoundAdmin): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const answer = await askAdmin(address, 'GET', '/api/config');
  return typeof answer === 'string' ? undefined : describeOtherFile({ address, file }, answer.body);
}

/** @param body the answer to `GET /api/config` */
export function describeOtherFile({ address, file }: FoundAdmin, body: unknown): string | undefined {
  const running = textOf(fieldOf(fieldOf(body, 'config'), 'file'));
  const folder = textOf(fieldOf(body, 'workingDirectory'));
  // A proxy that does not say where its file is, or read it from standard input, cannot be compared.
  if (file === undefined || running === '' || folder === '' || isStandardInput(running)) return undefined;
  const theirs = resolve(folder, running);
  if (realPath(theirs) === realPath(resolve(file))) return undefined;
  return `the proxy whose admin server is ${address.text} runs with ${theirs}, not with ${resolve(file)}`;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function parsed(text: string, source: string): Address | string {
  const address = parseAddress(text, 'connect');
  return 'message' in address ? `${source}: ${address.message} (${address.hint})` : address;
}

/** @returns the answer, or a sentence about why there is none */
export async function askAdmin(
  address: Address,
  method: 'GET' | 'POST',
  path: string,
): Promise<AdminAnswer | string> {
  const { request } = process.getBuiltinModule('node:http');
  const where =
    address.kind === 'unix' ? { socketPath: address.path } : { host: address.host, port: address.port };
  const { promise, resolve: settle } = Promise.withResolvers<AdminAnswer | string>();
  const sent = request(
    {
      ...where,
      method,
      path,
      headers: { host: 'localhost' },
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
    },
    (response) => {
      readAnswer(response).then(settle, (error: unknown) => settle(failure(address, error)));
    },
  );
  sent.on('error', (error) => settle(failure(address, error)));
  // An answer 101 is no response to Node, and a connection that ends at once may have no error: neither may leave the caller waiting.
  sent.on('upgrade', (_response, socket) => socket.destroy());
  sent.on('close', () =>
    settle(
      `${address.text} gave no answer, so nothing is known of what it did: is this the admin server (admin.address)?`,
    ),
  );
  sent.end();
  return promise;
}

async function readAnswer(response: IncomingMessage): Promise<AdminAnswer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response) {
    if (!Buffer.isBuffer(part)) continue;
    bytes += part.length;
    if (bytes > mostBytes) throw new Error(`it sent more than ${mostBytes} bytes`);
    parts.push(part);
  }
  const text = Buffer.concat(parts).toString();
  return { status: response.statusCode ?? 0, body: jsonOr(text) };
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text.trim();
  }
}

function failure(address: Address, error: unknown): string {
  const code = errorCode(error);
  switch (code) {
    case 'ECONNREFUSED':
    case 'ENOENT':
      return `nothing listens on ${address.text}: is the proxy running, and is this the address of its admin server (admin.address)?`;
    case 'ABORT_ERR':
      return `${address.text} did not answer within ${timeoutMs / 1000} s`;
    case 'HPE_INVALID_CONSTANT':
      return `what answers on ${address.text} is no admin server: it does not speak HTTP/1.1`;
    default: {
      const words =
        (code === undefined ? undefined : systemErrorWords(code)) ??
        (error instanceof Error ? error.message : String(error));
      return `${address.text} could not be asked: ${words}`;
    }
  }
}

/** What a command prints of an answer: control characters in it would be orders to the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{C}\n]/gu, '?');
}

/** @returns the value under a key of an answer, undefined for anything else */
export function fieldOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return Object.getOwnPropertyDescriptor(value, key)?.value;
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? printable(String(value))
    : '';
}
