// How a client shows an admin server that it has the token without sending it. Any user of a machine may listen on the port of a proxy that
// does not run, and would otherwise be sent the token. The server gives a nonce for the connection, and the client signs one request with it.

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** A client that wants a nonce has this field in `GET /live`, and the answer has the nonce in it: 32 random bytes in hexadecimal. */
export const NONCE_FIELD = 'framegate-token-nonce';
/** The value of the field in the request. */
export const NONCE_WANTED = 'wanted';

const NONCE = /^[0-9a-f]{64}$/;
const SIGNED = /^framegate-hmac +([0-9a-f]{64}) *$/i;

/** What a signature is for. */
export interface SignedRequest {
  readonly nonce: string;
  readonly method: string;
  /** The path with its query, as it is sent. */
  readonly target: string;
}

/** What a server keeps of its token. */
export function tokenDigest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

export function isNonce(text: unknown): text is string {
  return typeof text === 'string' && NONCE.test(text);
}

/** @returns the value of the Authorization field */
export function signatureOf(token: string, request: SignedRequest): string {
  return `Framegate-HMAC ${macOf(tokenDigest(token), request).toString('hex')}`;
}

export function isSignature(authorization: string): boolean {
  return SIGNED.test(authorization);
}

/** @param digest that of the token */
export function isSignedBy(digest: Buffer, request: SignedRequest, authorization: string): boolean {
  const signature = SIGNED.exec(authorization)?.[1];
  return signature !== undefined && timingSafeEqual(Buffer.from(signature, 'hex'), macOf(digest, request));
}

/** No part but the last can have a line break, so that no two requests have the same text. */
function macOf(digest: Buffer, { nonce, method, target }: SignedRequest): Buffer {
  return createHmac('sha256', digest).update(`framegate admin\n${nonce}\n${method}\n${target}`).digest();
}
