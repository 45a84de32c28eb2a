// Finds the admin server of the proxy that a command is for, by its options, and tells whether that proxy is the one that is meant.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Address, parseAddress } from '../config/address.ts';
import { readAdminAlone } from '../config/admin-alone.ts';
import { readAdminToken } from '../config/admin-token.ts';
import type { Config } from '../config/config.ts';
import { parseConfig } from '../config/load-config.ts';
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
  /** A sentence about that configuration, if it has errors. */
  readonly fault?: string;
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
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return `${file} cannot be read: ${readingFault(error)}; or give --admin HOST:PORT`;
  }
  return findIn(text, file);
}

/** Certificates and keys are not looked at, since whoever asks may not be allowed to read them. */
function findIn(text: string, file: string): FoundAdmin | string {
  const loaded = parseConfig(text, file);
  if ('config' in loaded) return ofConfig(loaded.config, { file, config: loaded.config });
  const alone = readAdminAlone(text, file);
  if (alone === undefined) {
    const problems = loaded.problems.map((problem) => formatProblem(problem)).join('\n');
    return `nothing was asked, since ${file} cannot be used and so does not say where the admin server is; a running proxy stays as it is. Fix the file, or give --admin HOST:PORT:\n${problems}`;
  }
  const fault = `${file} has errors, and only \`admin\` was read there: framegate check -c ${file} shows them`;
  const target = ofConfig(alone, { file, config: undefined });
  return typeof target === 'string' ? target : { ...target, fault };
}

function ofConfig(config: Pick<Config, 'admin'>, here: ConfigurationHere): FoundAdmin | string {
  const target = adminTargetOf(config);
  return target === undefined ? `${here.file} has no admin server (admin: off)` : { ...target, here };
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

/**
 * Like describeOtherProxy, for an order: of a file with errors the listeners are not known, so the proxy must be known by its file.
 * @returns a sentence if the proxy there is another one, or may be
 */
export async function describeDoubtfulProxy(admin: FoundAdmin): Promise<string | undefined> {
  const { here, address } = admin;
  if (here === undefined || here.config !== undefined) return describeOtherProxy(admin);
  const answer = await askAdmin(admin, 'GET', '/api/config');
  if (typeof answer === 'string') return undefined;
  const running = readRunningConfiguration(answer.body);
  if (running !== undefined && runsWith(running, here) === undefined)
    return `${here.file} has errors, so it is not known whether the proxy whose admin server is ${address.text} runs with it`;
  return describeOtherFile(admin, answer.body);
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
