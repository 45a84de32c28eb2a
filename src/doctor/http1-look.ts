// Makes one GET over HTTP/1.1, and reads only the beginning of the answer, or the text of a refusal.

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
  /** What a refusal says, in one line and harmless to print. '' unless that was wanted, has come as a whole and announced its length. */
  readonly text: string;
  /** Until the first bytes of the answer have come. */
  readonly durationMs: number;
}

export interface Http1Request {
  readonly host: string;
  readonly path: string;
  /** A peer that has not shown who it is gets no request. */
  readonly credentials?: SecretFields | undefined;
  /** Whether to read the text of a refusal: of a status of 400 or more. */
  readonly wantsText?: boolean;
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
  { host, path, credentials = NO_SECRET_FIELDS, wantsText = false }: Http1Request,
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
  let durationMs = 0;
  const done = (): void => resolve(bytes);
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk.subarray(0, MOST_BYTES)]);
    if (!isEnough(bytes)) return;
    if (durationMs === 0) durationMs = performance.now() - beganAtMs;
    if (!wantsText || isWholeRefusal(bytes)) done();
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
    httpStatus: statusOf(text),
    text: wantsText ? quoted(credentials.hide(refusalText(answer)), MOST_BYTES) : '',
    durationMs: durationMs === 0 ? performance.now() - beganAtMs : durationMs,
  };
}

function statusOf(text: string): number {
  return Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0);
}

/** The head of an answer, and where its body begins. Undefined if the head is not whole, or no refusal's. */
function refusalIn(answer: Buffer): { readonly head: string; readonly bodyAt: number } | undefined {
  const end = answer.indexOf('\r\n\r\n');
  const head = end === -1 ? '' : answer.toString('latin1', 0, end);
  return statusOf(head) < 400 ? undefined : { head, bodyAt: end + 4 };
}

/** Whether nothing more is to come that would be read. The texts that a proxy writes itself have a content-length. */
function isWholeRefusal(answer: Buffer): boolean {
  if (answer.length >= MOST_BYTES) return true;
  const status = statusOf(answer.toString('latin1', 0, ENOUGH_BYTES));
  if (status < 400) return true;
  const found = refusalIn(answer);
  const length = /\r\ncontent-length: *(\d{1,9}) *(?:\r\n|$)/i.exec(found?.head ?? '')?.[1];
  return found !== undefined && length !== undefined && answer.length - found.bodyAt >= Number(length);
}

/** @returns in one line, '' if it is not there as a whole */
function refusalText(answer: Buffer): string {
  const found = refusalIn(answer);
  if (found === undefined || answer.length >= MOST_BYTES || !isWholeRefusal(answer)) return '';
  return answer.toString('utf8', found.bodyAt).trim().replaceAll(/\s+/g, ' ');
}
