// Asks an admin server for a nonce, and signs a request with it, on the same connection: the token itself is never sent.

import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import { isNonce, NONCE_FIELD, NONCE_WANTED, signatureOf } from '../config/signed-request.ts';
import { type AdminTarget, whereOf } from './admin-target.ts';

const NO_NONCE =
  'what answers there has given nothing to sign with: is this the admin server of that proxy, and of the same version?';
/** Of the answer that has the nonce. */
const MOST_BYTES = 1024;

/** How a request is sent. */
export interface Approach {
  /** The target, without its token if nothing could be signed. */
  readonly target: AdminTarget;
  readonly headers: Readonly<Record<string, string>>;
  /** Has the connection of the nonce. */
  readonly agent: Agent | false;
  /** Ends the connection. */
  readonly close: () => void;
}

export interface ToSign {
  readonly method: string;
  /** The path with its query. */
  readonly path: string;
  readonly timeoutMs: number;
}

/** Never rejects. */
export async function approach(target: AdminTarget, { method, path, timeoutMs }: ToSign): Promise<Approach> {
  const { address, token } = target;
  const host = { host: 'localhost' };
  if (token === undefined) return { target, headers: host, agent: false, close: () => undefined };
  const { Agent: OwnAgent } = process.getBuiltinModule('node:http');
  const agent = new OwnAgent({ keepAlive: true, maxSockets: 1 });
  const nonce = await nonceOf(target, agent, timeoutMs);
  if (nonce === undefined) {
    agent.destroy();
    const unsigned = { address, tokenFault: NO_NONCE };
    return { target: unsigned, headers: host, agent: false, close: () => undefined };
  }
  const authorization = signatureOf(token, { nonce, method, target: path });
  const headers = { ...host, authorization, connection: 'close' };
  return { target, headers, agent, close: () => agent.destroy() };
}

/** @returns undefined if there is no answer, or none with a nonce */
async function nonceOf(
  { address }: AdminTarget,
  agent: Agent,
  timeoutMs: number,
): Promise<string | undefined> {
  const { request } = process.getBuiltinModule('node:http');
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const headers = { host: 'localhost', [NONCE_FIELD]: NONCE_WANTED };
  const signal = AbortSignal.timeout(timeoutMs);
  const sent = request({ ...whereOf(address), path: '/live', headers, agent, signal });
  sent.on('response', (response) => {
    const nonce = response.headers[NONCE_FIELD];
    readToEnd(sent, response, () => resolve(isNonce(nonce) ? nonce : undefined));
  });
  sent.on('upgrade', (_response, socket) => socket.destroy());
  sent.on('error', () => resolve(undefined));
  sent.on('close', () => resolve(undefined));
  sent.end();
  return promise;
}

/** The connection is free for the next request only after the body, of which nothing is needed. */
function readToEnd(sent: ClientRequest, response: IncomingMessage, onEnd: () => void): void {
  let bytes = 0;
  response.on('data', (part: Buffer) => {
    bytes += part.length;
    if (bytes > MOST_BYTES) sent.destroy();
  });
  response.on('error', () => undefined);
  response.on('end', onEnd);
}
