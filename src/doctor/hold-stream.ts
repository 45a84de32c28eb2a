// Opens a stream and leaves it silent, to see whether anything ends it, and when.

import { constants, type IncomingHttpHeaders } from 'node:http2';
import { errorCode } from '../config/error-code.ts';
import { errorCodeName } from '../h2/error-codes.ts';
import { quoted, shownText } from './finding.ts';
import {
  type CallResponse,
  type CallWay,
  headersOf,
  openSession,
  readHead,
  readStatus,
} from './grpc-call.ts';

export interface HoldRequest {
  readonly path: string;
  readonly headers?: ReadonlyMap<string, string> | undefined;
  /** Sent at once. */
  readonly message: Buffer | undefined;
  /** Whether the request ends with the message. Otherwise it stays open. */
  readonly isRequestOver: boolean;
  readonly holdMs: number;
}

/** What became of the stream. 'given-up' says that the doctor itself ended it before its time; then nothing is known. */
export type HoldResult =
  | { readonly outcome: 'open' }
  | { readonly outcome: 'given-up' }
  | {
      readonly outcome: 'no-connection';
      /** The code of the reason. */
      readonly failure: string;
      readonly reason: string | undefined;
    }
  | {
      readonly outcome: 'ended';
      readonly afterMs: number;
      /** The status with its message, an HTTP status, or how the stream was broken off. */
      readonly how: string;
      /** The response, as far as there was one. */
      readonly answer: CallResponse;
    };

const CONNECT_MS = 2500;
const CLOSE_WITHIN_MS = 50;

/** Never rejects. */
export async function holdStream(
  way: CallWay,
  request: HoldRequest,
  signal: AbortSignal,
): Promise<HoldResult> {
  const opened = await openSession(way, CONNECT_MS);
  if ('failure' in opened) return { outcome: 'no-connection', ...opened };
  const { session, fields } = opened;
  const beganAtMs = performance.now();
  const answer = { httpStatus: 0, contentType: '', server: '', grpcStatus: '', grpcMessage: '' };
  let broken = '';
  const { promise, resolve } = Promise.withResolvers<number | 'open' | 'given-up'>();
  const ended = (): void => resolve(performance.now() - beganAtMs);
  const timer = setTimeout(() => resolve('open'), request.holdMs);
  const giveUp = (): void => resolve('given-up');
  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();
  session.on('error', (error) => {
    broken ||= quoted(errorCode(error) ?? error.message, 120);
    ended();
  });
  session.on('goaway', (code: number) => {
    broken ||= `GOAWAY ${errorCodeName(code)}`;
  });
  session.on('close', () => {
    broken ||= 'the connection was closed';
    ended();
  });
  try {
    const stream = session.request(headersOf(way, request, fields), { endStream: false });
    stream.on('response', (headers) => readHead(headers, answer, way));
    stream.on('trailers', (trailers: IncomingHttpHeaders) => readStatus(trailers, answer, way));
    // What the service says does not matter, and must not pile up.
    stream.resume();
    stream.on('error', () => undefined);
    // A reset comes as an end, and then as a close with its code.
    stream.on('end', () => {
      const endedAfterMs = performance.now() - beganAtMs;
      setTimeout(() => resolve(endedAfterMs), CLOSE_WITHIN_MS);
    });
    stream.on('close', () => {
      const { rstCode } = stream;
      if (rstCode !== constants.NGHTTP2_NO_ERROR) broken = `RST_STREAM ${errorCodeName(rstCode)}`;
      ended();
    });
    if (request.isRequestOver) stream.end(request.message);
    else if (request.message !== undefined) stream.write(request.message);
    const result = await promise;
    stream.close(constants.NGHTTP2_CANCEL);
    return typeof result === 'number'
      ? { outcome: 'ended', afterMs: result, how: describe(answer, broken), answer }
      : { outcome: result };
  } catch (error) {
    return { outcome: 'ended', afterMs: 0, how: quoted(String(error), 120), answer };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
    session.destroy();
  }
}

function describe({ grpcStatus, grpcMessage, httpStatus }: CallResponse, broken: string): string {
  if (grpcStatus !== '')
    return grpcMessage === '' ? grpcStatus : `${grpcStatus} ${shownText(grpcMessage, 300)}`;
  if (httpStatus >= 300) return `HTTP ${httpStatus}${broken === '' ? '' : `, ${broken}`}`;
  return broken === '' ? 'the stream was ended without a status' : broken;
}
