// Makes one GET over HTTP/1.1, and reads only the beginning of the answer.

import type { Address } from '../config/address.ts';
import { classifyUpstreamFirstBytes, type UpstreamFirstBytes } from '../diagnosis/upstream-first-bytes.ts';
import { type DialFailure, dial, type TlsFacts, type TlsWish } from './dial.ts';
import { quoted } from './finding.ts';
import { NO_SECRET_FIELDS, PEER_NOT_VERIFIED, type SecretFields } from './secret-fields.ts';

export interface Http1Look {
  readonly kind: UpstreamFirstBytes;
  readonly tls: TlsFacts | undefined;
  /** Harmless to print. '' if nothing came. */
  readonly firstLine: string;
  /** 0 if the answer is no HTTP/1.1. */
  readonly httpStatus: number;
  readonly durationMs: number;
}

export interface Http1Request {
  readonly host: string;
  readonly path: string;
  /** A peer that has not shown who it is gets no request. */
  readonly credentials?: SecretFields | undefined;
}

/** Enough for a frame header of HTTP/2 and for a status line. */
const ENOUGH_BYTES = 13;
const MOST_BYTES = 4096;

/** A line is read as a whole, since a secret in it is recognised by its beginning. */
function isEnough(bytes: Buffer): boolean {
  if (bytes.length < ENOUGH_BYTES) return false;
  return (
    bytes.length >= MOST_BYTES || !bytes.toString('latin1', 0, 5).startsWith('HTTP/') || bytes.includes('\n')
  );
}

/** Never rejects. @param limitMs for the connection and the answer each */
export async function getByHttp1(
  address: Address,
  tls: TlsWish | undefined,
  { host, path, credentials = NO_SECRET_FIELDS }: Http1Request,
  limitMs: number,
): Promise<Http1Look | DialFailure> {
  const dialled = await dial(address, tls, limitMs);
  if ('failure' in dialled) return dialled;
  const { socket } = dialled;
  const values = credentials.for(dialled.tls);
  if (typeof values === 'string') {
    socket.destroy();
    return { failure: PEER_NOT_VERIFIED, reason: values };
  }
  const beganAtMs = performance.now();
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  let bytes: Buffer = Buffer.alloc(0);
  const done = (): void => resolve(bytes);
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk.subarray(0, MOST_BYTES)]);
    if (isEnough(bytes)) done();
  });
  socket.on('end', done);
  socket.on('close', done);
  const timer = setTimeout(done, limitMs);
  const fields = Array.from(values, ([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.write(
    `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nuser-agent: framegate-doctor\r\naccept: */*\r\nconnection: close\r\n${fields}\r\n`,
    'latin1',
  );
  const answer = await promise;
  clearTimeout(timer);
  socket.destroy();
  const text = answer.toString('latin1', 0, MOST_BYTES);
  return {
    kind: classifyUpstreamFirstBytes(answer),
    tls: dialled.tls,
    firstLine: quoted(credentials.hide(text.split('\r\n', 1)[0]), 80),
    httpStatus: Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0),
    durationMs: performance.now() - beganAtMs,
  };
}
