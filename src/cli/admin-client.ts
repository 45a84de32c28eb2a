// Asks the admin server of a running proxy, for the commands that operate one.
// What answers may be any program, so its answer is bounded in size and time and is trusted in nothing.

import type { IncomingMessage } from 'node:http';
import { parseAddress } from '../config/address.ts';
import type { Address } from '../config/config.ts';
import { errorCode } from '../config/error-code.ts';
import { loadConfig } from '../config/load-config.ts';
import { formatProblem } from '../config/problem.ts';
import { isStandardInput } from '../config/standard-input.ts';
import { systemErrorWords } from '../config/system-error.ts';
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

/** @returns where the admin server is, or a sentence about why that is not known */
export function findAdmin({ admin, config }: AdminOptions): Address | string {
  if (admin !== undefined) return parsed(admin.replace(/^https?:\/\//, '').replace(/\/$/, ''), '--admin');
  const file = config ?? defaultFile;
  const missing = isStandardInput(file)
    ? 'a configuration on standard input names no address here'
    : describeMissing(file);
  if (missing !== undefined) {
    return config === undefined
      ? parsed(defaultAddress, 'the default')
      : `${missing}; or give --admin HOST:PORT`;
  }
  const loaded = loadConfig(file);
  if ('problems' in loaded) {
    const problems = loaded.problems.map((problem) => formatProblem(problem)).join('\n');
    return `${file} cannot be used, so it does not say where the admin server is; fix it, or give --admin HOST:PORT:\n${problems}`;
  }
  return loaded.config.admin?.address ?? `${file} has no admin server (admin: off)`;
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
  const { promise, resolve } = Promise.withResolvers<AdminAnswer | string>();
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
      readAnswer(response).then(resolve, (error: unknown) => resolve(failure(address, error)));
    },
  );
  sent.on('error', (error) => resolve(failure(address, error)));
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
