// Reads the keys of an identity, once: from a file, or by GET from a URL. Redirects are not followed, since they could lead to
// somebody else's keys.

import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { largestBytesOf, parseKeys } from '../config/credential-lists.ts';
import type { KeySource } from '../config/identity-config.ts';
import { isFault } from '../config/problem.ts';
import { LARGEST_KEY_SET_BYTES, type ReadKeys } from '../config/public-keys.ts';
import { names } from '../names/name-lookup.ts';

const ANSWER_WITHIN_MS = 10_000;

/**
 * Rejects with an error whose message says what is wrong, without anything of an answer's text.
 * @param withinMs how long a URL has to answer
 */
export async function readKeySet(source: KeySource, withinMs: number = ANSWER_WITHIN_MS): Promise<ReadKeys> {
  const read = parseKeys(
    source,
    source.kind === 'file'
      ? await textOfFile(source.text, largestBytesOf(source))
      : await get(source.text, withinMs),
  );
  if (isFault(read)) throw new Error(read.message);
  return read;
}

async function textOfFile(file: string, mostBytes: number): Promise<string> {
  const { size } = await stat(file);
  if (size > mostBytes) throw new Error(`is larger than ${mostBytes} bytes`);
  return readFile(file, 'utf8');
}

async function get(url: string, withinMs: number): Promise<string> {
  const signal = AbortSignal.timeout(withinMs);
  const options = {
    lookup: names.lookup,
    headers: { accept: 'application/jwk-set+json, application/json' },
    signal,
    agent: false,
  } as const;
  const request = url.startsWith('https:') ? requestHttps(url, options) : requestHttp(url, options);
  try {
    request.end();
    const [response]: IncomingMessage[] = await once(request, 'response', { signal });
    if (response.statusCode !== 200) throw new Error(`was answered with HTTP ${response.statusCode}`);
    return await textOf(response);
  } catch (error) {
    if (signal.aborted) throw new Error(`had no answer in ${withinMs / 1000} s`, { cause: error });
    throw error;
  } finally {
    request.destroy();
  }
}

async function textOf(response: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let left = LARGEST_KEY_SET_BYTES;
  for await (const chunk of response) {
    left -= chunk.length;
    if (left < 0) throw new Error(`was answered with more than ${LARGEST_KEY_SET_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
