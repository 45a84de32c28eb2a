// Asks the admin server of a running proxy, for the commands and the doctor.
// Any program may answer at that address, so the answer is bounded in size and time and nothing in it is trusted.

import type { IncomingMessage } from 'node:http';
import type { Address } from '../config/address.ts';
import { errorCode } from '../config/error-code.ts';
import { systemErrorWords } from '../config/system-error.ts';
import { approach } from './admin-signature.ts';
import { type AdminTarget, describeUnauthorized, whereOf } from './admin-target.ts';
import { parseShallowJson } from './shallow-json.ts';

export interface AdminAnswer {
  readonly status: number;
  /** The parsed body, or the text itself if it is not JSON or nested too deep. */
  readonly body: unknown;
}

const MOST_BYTES = 32 * 1024 * 1024;

export interface AskLimits {
  readonly timeoutMs?: number | undefined;
  /** Of the body of the answer. */
  readonly mostBytes?: number | undefined;
}
/** A reload checks files, names and certificates, and starts connections, before it answers. */
const ANSWER_WITHIN_MS = 60_000;

/** @returns the answer, or a sentence about why there is none */
export async function askAdmin(
  wanted: AdminTarget,
  method: 'GET' | 'POST',
  path: string,
  { timeoutMs = ANSWER_WITHIN_MS, mostBytes = MOST_BYTES }: AskLimits = {},
): Promise<AdminAnswer | string> {
  const { target, headers, agent, close } = await approach(wanted, { method, path, timeoutMs });
  const { address } = target;
  const { request } = process.getBuiltinModule('node:http');
  const { promise, resolve: settle } = Promise.withResolvers<AdminAnswer | string>();
  const sent = request(
    {
      ...whereOf(address),
      method,
      path,
      headers,
      agent,
      signal: AbortSignal.timeout(timeoutMs),
    },
    (response) => {
      readAnswer(response, mostBytes).then(
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
  return promise.finally(close);
}

async function readAnswer(response: IncomingMessage, mostBytes: number): Promise<AdminAnswer> {
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
