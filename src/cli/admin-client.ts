// Finds the admin server of the proxy that a command is for, by its options, and tells whether that proxy is the one that is meant.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Address, parseAddress } from '../config/address.ts';
import { readAdminToken } from '../config/admin-token.ts';
import { type LoadedConfig, parseConfig, type RefusedConfig } from '../config/load-config.ts';
import { formatProblem } from '../config/problem.ts';
import { isStandardInput } from '../config/standard-input.ts';
import { readingFault } from '../config/system-error.ts';
import { type AdminTarget, adminTargetOf } from '../control/admin-target.ts';
import { askAdmin } from '../control/ask-admin.ts';
import {
  type ConfigurationHere,
  readRunningConfiguration,
  runsWith,
} from '../control/running-configuration.ts';
import { describeMissing } from './options.ts';

/** What follows from `-c`, which may name another file than the proxy was started with, and from `--admin`. */
export interface AdminOptions {
  readonly admin?: string | undefined;
  readonly config?: string | undefined;
  /** A file with the token, whatever the configuration says. */
  readonly 'token-file'?: string | undefined;
}

/** The help of the options that all commands of a running proxy have. */
export const ADMIN_OPTIONS_HELP = `\
      --admin ADDRESS  the admin server: HOST:PORT or unix:/PATH
  -c, --config FILE    take its address from this configuration
                       (default: config.yaml; without that file 127.0.0.1:9901)
      --token-file FILE  the token that the admin server wants
                       (default: what admin.token of the configuration says)`;

export const adminOptions = {
  admin: { type: 'string' },
  config: { type: 'string', short: 'c' },
  'token-file': { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

const defaultAddress = '127.0.0.1:9901';
const defaultFile = 'config.yaml';

/** Where the admin server is, and whose configuration said so. */
export interface FoundAdmin extends AdminTarget {
  /** The configuration that named the address. Undefined if `--admin` did, or nothing. */
  readonly here: ConfigurationHere | undefined;
}

/** @returns where the admin server is, or a sentence about why that is not known */
export function findAdmin(options: AdminOptions): FoundAdmin | string {
  const server = findServer(options);
  const file = options['token-file'];
  if (typeof server === 'string' || file === undefined) return server;
  const read = readAdminToken({ kind: 'file', file });
  return 'token' in read ? { ...server, token: read.token } : `--token-file: ${read.message}`;
}

function findServer({ admin, config }: AdminOptions): FoundAdmin | string {
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
  const target = adminTargetOf(loaded.config);
  return target === undefined
    ? `${file} has no admin server (admin: off)`
    : { ...target, here: { file, config: loaded.config } };
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
  return typeof address === 'string' ? address : { address, here: undefined };
}

/**
 * Compares the configuration that named the address with the one that the proxy there runs with: several files may name the same
 * address, above all the default one.
 * @returns a sentence if they are two files
 */
export async function describeOtherProxy(admin: FoundAdmin): Promise<string | undefined> {
  if (admin.here === undefined) return undefined;
  const answer = await askAdmin(admin, 'GET', '/api/config');
  return typeof answer === 'string' ? undefined : describeOtherFile(admin, answer.body);
}

/** @param body the answer to `GET /api/config` */
export function describeOtherFile({ address, here }: FoundAdmin, body: unknown): string | undefined {
  const running = readRunningConfiguration(body);
  if (here === undefined || running === undefined || runsWith(running, here) !== false) return undefined;
  const { file, folder } = running;
  const theirs = isStandardInput(file) ? 'a configuration from standard input' : resolve(folder, file);
  return `the proxy whose admin server is ${address.text} runs with ${theirs}, not with ${resolve(here.file)}`;
}

function parsed(text: string, source: string): Address | string {
  const address = parseAddress(text, 'connect');
  return 'message' in address ? `${source}: ${address.message} (${address.hint})` : address;
}
