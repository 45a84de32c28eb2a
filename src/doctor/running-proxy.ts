// Finds a Framegate that already runs, by the admin address of a configuration, and tells whether it runs with that configuration. Its answer
// is bounded in size, and only parts with the expected form are believed.

import { get } from 'node:http';
import type { Address, Config } from '../config/config.ts';
import { isSameFile } from './framegate-process.ts';

export interface RunningProxy {
  /** The file of its configuration. */
  readonly file: string;
  /** The addresses that its listeners have in its configuration, as written. */
  readonly addresses: ReadonlySet<string>;
  /** Whether it runs with another configuration than the one whose admin address it holds. */
  readonly isOther: boolean;
}

const MOST_BYTES = 4 * 1_048_576;
const LIMIT_MS = 1000;

/** Never rejects. @returns undefined if none answers there */
export async function findRunningProxy(config: Config, file: string): Promise<RunningProxy | undefined> {
  const admin = config.admin?.address;
  if (admin === undefined) return undefined;
  const answer = await askAdmin(admin, '/api/config');
  if (!isRecord(answer) || typeof answer['epoch'] !== 'number' || !isRecord(answer['config']))
    return undefined;
  const { file: theirs, listeners } = answer['config'];
  const addresses = new Set(
    listOf(listeners).flatMap((listener) =>
      isRecord(listener) && isRecord(listener['address']) ? [String(listener['address']['text'])] : [],
    ),
  );
  const folder = typeof answer['workingDirectory'] === 'string' ? answer['workingDirectory'] : '';
  // Where its file cannot be found from here, as that of a container, its listeners tell.
  const isSame =
    isSameFile(file, String(theirs), folder) ??
    config.listeners.some(({ address }) => addresses.has(address.text));
  return { file: String(theirs), addresses, isOther: !isSame };
}

export interface SeenDiagnosis {
  readonly token: string;
  readonly code: string;
  readonly sentence: string;
  readonly client: string;
  readonly count: number;
  /** Undefined if the proxy does not tell it. */
  readonly lastAtEpochMs: number | undefined;
}

/** Never rejects. @returns the most recent diagnoses of a running proxy, newest first */
export async function askDiagnoses(admin: Address | undefined): Promise<readonly SeenDiagnosis[]> {
  const answer = admin === undefined ? undefined : await askAdmin(admin, '/api/diagnoses');
  return isRecord(answer) ? seenDiagnoses(answer['recent']) : [];
}

function seenDiagnoses(recent: unknown): readonly SeenDiagnosis[] {
  return listOf(recent).flatMap((entry) => {
    if (!isRecord(entry)) return [];
    const { token, code, sentence, client, count, lastAtEpochMs } = entry;
    return [
      {
        token: String(token),
        code: String(code),
        sentence: String(sentence),
        client: typeof client === 'string' ? client : '',
        count: Number(count),
        lastAtEpochMs: typeof lastAtEpochMs === 'number' ? lastAtEpochMs : undefined,
      },
    ];
  });
}

/** Never rejects. @returns what is no JSON as undefined */
function askAdmin(admin: Address, path: string): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const place =
    admin.kind === 'unix'
      ? { socketPath: admin.path, host: 'localhost' }
      : { host: reachableHost(admin.host), port: admin.port };
  const request = get({ ...place, path, timeout: LIMIT_MS, agent: false }, (response) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > MOST_BYTES) request.destroy();
      else chunks.push(chunk);
    });
    response.on('end', () => resolve(parse(Buffer.concat(chunks).toString('utf8'))));
    response.on('error', () => resolve(undefined));
  });
  const timer = setTimeout(() => request.destroy(), LIMIT_MS);
  request.on('close', () => {
    clearTimeout(timer);
    resolve(undefined);
  });
  request.on('error', () => resolve(undefined));
  return promise;
}

/** A listener that is bound to all addresses is reached by loopback. */
export function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
