// Asks the admin server of a running proxy, for the commands and the doctor.
// Any program may answer at that address, so the answer is bounded in size and time and nothing in it is trusted.

import type { IncomingMessage } from 'node:http';
import type { Address } from '../config/address.ts';
import { readAdminToken } from '../config/admin-token.ts';
import type { Config } from '../config/config.ts';
import { errorCode } from '../config/error-code.ts';
import { systemErrorWords } from '../config/system-error.ts';
import { parseShallowJson } from './shallow-json.ts';

export interface AdminAnswer {
  readonly status: number;
  /** The parsed body, or the text itself if it is not JSON or nested too deep. */
  readonly body: unknown;
}

/** An admin server to ask. */
export interface AdminTarget {
  readonly address: Address;
  /** The token that the server may want. */
  readonly token?: string | undefined;
  /** Why there is no token, although one is configured. */
  readonly tokenFault?: string | undefined;
}

/** @returns the admin server of a configuration, with its token if this process may read it */
export function adminTargetOf({ admin }: Pick<Config, 'admin'>): AdminTarget | undefined {
  if (admin === undefined) return undefined;
  const { address, token: source } = admin;
  if (source === undefined) return { address };
  const read = readAdminToken(source);
  return 'token' in read ? { address, token: read.token } : { address, tokenFault: read.message };
}

const MOST_BYTES = 32 * 1024 * 1024;
/** A reload checks files, names and certificates, and starts connections, before it answers. */
const ANSWER_WITHIN_MS = 60_000;

/** A server that is bound to all addresses is reached by loopback. */
export function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

/** @returns the answer, or a sentence about why there is none */
export async function askAdmin(
  target: AdminTarget,
  method: 'GET' | 'POST',
  path: string,
  timeoutMs = ANSWER_WITHIN_MS,
): Promise<AdminAnswer | string> {
  const { address } = target;
  const { request } = process.getBuiltinModule('node:http');
  const { promise, resolve: settle } = Promise.withResolvers<AdminAnswer | string>();
  const sent = request(
    {
      ...whereOf(address),
      method,
      path,
      headers: headersFor(target),
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
    },
    (response) => {
      readAnswer(response).then(
        (answer) => settle(answer.status === 401 ? describeUnauthorized(target) : answer),
        (error: unknown) => settle(describeFailure(address, error, timeoutMs)),
      );
    },
  );
  sent.on('error', (error) => settle(describeFailure(address, error, timeoutMs)));
  // An answer 101 is no response to Node, which then destroys the socket, and a connection that ends at once may have no error.
  sent.on('close', () =>
    settle(
      `${address.text} gave no answer, so nothing is known of what it did: is this the admin server (admin.address)?`,
    ),
  );
  sent.end();
  return promise;
}

/** @returns the header fields that every request has */
export function headersFor({ token }: AdminTarget): Readonly<Record<string, string>> {
  return { host: 'localhost', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
}

/** @returns a sentence about an answer 401 */
export function describeUnauthorized({ address, token, tokenFault }: AdminTarget): string {
  if (token !== undefined)
    return `${address.text} does not accept the token: has it changed since the proxy read it (admin.token)?`;
  const why =
    tokenFault === undefined ? 'name its configuration with -c, or give --token-file FILE' : tokenFault;
  return `${address.text} wants its token (admin.token): ${why}`;
}

/** @returns the options of a request that name its server */
export function whereOf(
  address: Address,
): { readonly socketPath: string } | { readonly host: string; readonly port: number } {
  return address.kind === 'unix'
    ? { socketPath: address.path }
    : { host: reachableHost(address.host), port: address.port };
}

async function readAnswer(response: IncomingMessage): Promise<AdminAnswer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response) {
    if (!Buffer.isBuffer(part)) continue;
    bytes += part.length;
    if (bytes > MOST_BYTES) throw new Error(`it sent more than ${MOST_BYTES} bytes`);
    parts.push(part);
  }
  const text = Buffer.concat(parts).toString();
  return { status: response.statusCode ?? 0, body: jsonOr(text) };
}

function jsonOr(text: string): unknown {
  try {
    return parseShallowJson(text);
  } catch {
    return text.trim();
  }
}

/** @returns a sentence about why a request has no answer */
export function describeFailure(address: Address, error: unknown, timeoutMs = ANSWER_WITHIN_MS): string {
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
