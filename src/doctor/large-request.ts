// Announces a request of more than 1 MiB by content-length, and sends none of it. A proxy that limits the size of requests refuses it at
// once; a service waits for the bytes, and then the request is cancelled.

import { constants } from 'node:http2';
import { errorCode } from '../config/error-code.ts';
import { diagnosisCode } from '../diagnosis/codes.ts';
import { errorCodeName } from '../h2/error-codes.ts';
import { quoted } from './finding.ts';
import { ownTokenIn } from './framegate-answer.ts';
import { type CallWay, headersOf, openSession } from './grpc-call.ts';

const SIZE_BYTES = 1_048_577;
const ANSWER_MS = 1200;
const CONNECT_MS = 2000;
const CONTENT_TOO_LARGE = 413;

/**
 * Taken: the stream stayed open, or gRPC answered it. Refused: for its size. Otherwise what came says nothing about sizes.
 */
export type LargeRequestResult = 'taken' | 'refused' | { readonly gave: string };

/** Never rejects. */
export async function tryLargeRequest(way: CallWay, path: string): Promise<LargeRequestResult> {
  const opened = await openSession(way, CONNECT_MS);
  if ('failure' in opened) return { gave: `no connection (${opened.failure})` };
  const { session, fields } = opened;
  const { promise, resolve } = Promise.withResolvers<LargeRequestResult>();
  const timer = setTimeout(() => resolve('taken'), ANSWER_MS);
  session.on('error', (error) => resolve({ gave: quoted(errorCode(error) ?? error.message, 120) }));
  session.on('close', () => resolve({ gave: 'the end of the connection' }));
  try {
    const headers = { ...headersOf(way, { path }, fields), 'content-length': SIZE_BYTES };
    const stream = session.request(headers, { endStream: false });
    stream.on('error', () => undefined);
    stream.on('response', (response) => {
      const status = response[':status'] ?? 0;
      const isGrpc = (response['content-type'] ?? '').startsWith('application/grpc');
      const own = ownTokenIn(String(response['grpc-message'] ?? ''));
      if (status === CONTENT_TOO_LARGE) resolve('refused');
      else if (own !== undefined) resolve({ gave: `a refusal of a Framegate (${diagnosisCode(own)})` });
      else resolve(status === 200 && isGrpc ? 'taken' : { gave: `HTTP ${status}` });
    });
    stream.on('close', () => resolve({ gave: `RST_STREAM ${errorCodeName(stream.rstCode)}` }));
    const result = await promise;
    stream.close(constants.NGHTTP2_CANCEL);
    return result;
  } catch (error) {
    return { gave: quoted(String(error), 120) };
  } finally {
    clearTimeout(timer);
    session.destroy();
  }
}
