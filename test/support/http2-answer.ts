// Collects the whole response that an HTTP/2 client gets from the edge.

import { once } from 'node:events';
import type { ClientHttp2Stream } from 'node:http2';

export interface Http2Answer {
  readonly status: unknown;
  readonly headers: NodeJS.Dict<unknown>;
  /** The header fields of interim responses, including :status. */
  readonly interim: readonly NodeJS.Dict<unknown>[];
  readonly trailers: NodeJS.Dict<unknown>;
  readonly body: string;
  readonly rstCode: number;
  /** Whether the response ended normally, that is, was not broken off. */
  readonly isWhole: boolean;
}

/** Resolves when the stream is closed. */
export async function http2Answer(stream: ClientHttp2Stream): Promise<Http2Answer> {
  let headers: NodeJS.Dict<unknown> = {};
  let trailers: NodeJS.Dict<unknown> = {};
  const interim: NodeJS.Dict<unknown>[] = [];
  let body = '';
  let isEnded = false;
  stream.on('headers', (received) => interim.push(Object.fromEntries(Object.entries(received))));
  stream.on('response', (received) => {
    headers = received;
  });
  stream.on('trailers', (received) => {
    trailers = Object.fromEntries(Object.entries(received));
  });
  stream.on('data', (bytes: Buffer) => {
    body += bytes.toString('latin1');
  });
  stream.on('end', () => {
    isEnded = true;
  });
  stream.on('error', () => undefined);
  if (!stream.destroyed) await once(stream, 'close').catch(() => undefined);
  const rstCode = stream.rstCode ?? 0;
  return {
    status: headers[':status'],
    headers,
    interim,
    trailers,
    body,
    rstCode,
    isWhole: isEnded && rstCode === 0,
  };
}
