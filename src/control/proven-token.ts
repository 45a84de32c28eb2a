// Asks an admin server to prove that it knows the token before the token is sent to it.

import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { CHALLENGE_FIELD, isProof, PROOF_FIELD } from '../config/token-proof.ts';
import { type AdminTarget, whereOf } from './admin-target.ts';

const NOT_PROVEN =
  'what answers there does not know the token that is configured here, so it was not sent: is this the admin server of that proxy, and has the token changed since the proxy read it?';

/** @returns the target, without its token unless the server has proven that it knows it. Never rejects. */
export async function provenTarget(target: AdminTarget, timeoutMs: number): Promise<AdminTarget> {
  const { address, token } = target;
  if (token === undefined) return target;
  const challenge = randomBytes(32).toString('hex');
  const proof = await proofFor(target, challenge, timeoutMs);
  return isProof(token, challenge, proof) ? target : { address, tokenFault: NOT_PROVEN };
}

/** @returns undefined if there is no answer, or none with a proof */
async function proofFor({ address }: AdminTarget, challenge: string, timeoutMs: number): Promise<unknown> {
  const { request } = process.getBuiltinModule('node:http');
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const headers = { host: 'localhost', [CHALLENGE_FIELD]: challenge };
  const signal = AbortSignal.timeout(timeoutMs);
  const sent = request({ ...whereOf(address), path: '/live', headers, agent: false, signal });
  sent.on('response', (response: IncomingMessage) => {
    // Nothing is read of the body, whatever its length.
    response.on('error', () => undefined);
    resolve(response.headers[PROOF_FIELD]);
    sent.destroy();
  });
  sent.on('upgrade', (_response, socket) => socket.destroy());
  sent.on('error', () => resolve(undefined));
  sent.on('close', () => resolve(undefined));
  sent.end();
  return promise;
}
