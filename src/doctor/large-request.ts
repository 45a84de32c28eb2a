// Announces a request of more than 1 MiB by content-length, and sends none of it. A proxy that limits the size of requests refuses it at
// once; a service waits for the bytes, and then the request is cancelled.

import { constants } from 'node:http2';
import { type CallWay, headersOf, openSession } from './grpc-call.ts';

const SIZE_BYTES = 1_048_577;
const ANSWER_MS = 1200;
const CONNECT_MS = 2000;

/** Never rejects. @returns the HTTP status of the answer, or undefined if there was none */
export async function tryLargeRequest(way: CallWay, path: string): Promise<number | undefined> {
  const opened = await openSession(way, CONNECT_MS);
  if ('failure' in opened) return undefined;
  const { session } = opened;
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const timer = setTimeout(() => resolve(undefined), ANSWER_MS);
  session.on('error', () => resolve(undefined));
  session.on('close', () => resolve(undefined));
  try {
    const headers = { ...headersOf(way.authority, { path }), 'content-length': SIZE_BYTES };
    const stream = session.request(headers, { endStream: false });
    stream.on('error', () => undefined);
    stream.on('response', ({ ':status': status }) => resolve(status ?? 0));
    stream.on('close', () => resolve(undefined));
    const status = await promise;
    stream.close(constants.NGHTTP2_CANCEL);
    return status;
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
    session.destroy();
  }
}
