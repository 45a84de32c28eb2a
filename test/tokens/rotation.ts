// An issuer takes new keys while clients call. It publishes and uses a key in the same moment, so that tokens of the new key are the
// first that the proxy hears of it; with a file, it publishes a key before it uses it. No call may fail.

import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { claimsFor, keySetText, type SigningKey, signingKey, signToken } from '../support/token-issuer.ts';
import { type GuardedService, UNARY } from './guarded-proxy.ts';
import { TokenClient } from './token-client.ts';

const CLIENTS = 10;
const PAUSE_MS = 15;
/** Of two requests for keys because of a name that is not known, plus what clocks and timers differ by. */
const BETWEEN_REQUESTS_MS = 31_000;
/** Longer than `reload.certificates`, which is a second. */
const FILE_PUBLISHED_MS = 4000;
const WORKERS = 2;

interface Issuer {
  /** Where the proxy reads keys. */
  readonly jwks: string;
  /** With which key tokens are signed now. */
  signer: SigningKey;
}

interface Load {
  calls: number;
  readonly byKey: Map<string, number>;
  readonly failures: string[];
  longestMs: number;
}

/** Calls with tokens of the issuer until `rotate` is done. Every second token is new, the others are kept for five calls. */
async function callWhile(port: number, issuer: Issuer, rotate: () => Promise<void>): Promise<Load> {
  const load: Load = { calls: 0, byKey: new Map(), failures: [], longestMs: 0 };
  const over = new AbortController();
  const callOn = async (index: number): Promise<void> => {
    const client = new TokenClient(port, `127.10.5.${index + 1}`);
    while (!over.signal.aborted) {
      const { kid } = issuer.signer;
      const token = signToken(issuer.signer, { ...claimsFor(`user-${index}`), jti: load.calls });
      for (let call = 0; call < 1 + 4 * (index % 2); call++) {
        const { status, message, tookMs } = await client.call(UNARY, token);
        load.calls++;
        load.byKey.set(kid, (load.byKey.get(kid) ?? 0) + 1);
        load.longestMs = Math.max(load.longestMs, tookMs);
        if (status !== '0') load.failures.push(`${status} "${message}" with key ${kid}`);
        await sleep(PAUSE_MS);
      }
    }
    client.close();
  };
  const calling = Array.from({ length: CLIENTS }, async (_, index) => callOn(index));
  await rotate();
  await sleep(1000);
  over.abort();
  await Promise.all(calling);
  return load;
}

/** @returns what is not as promised */
function judge(what: string, keys: number, load: Load): readonly string[] {
  console.log(
    `rotation (${what}): ${load.calls} calls with tokens of ${load.byKey.size} keys, ${load.failures.length} failed; ` +
      `the longest took ${load.longestMs.toFixed(0)} ms`,
  );
  const faults = load.failures
    .slice(0, 3)
    .map((failure) => `a call failed in a rotation (${what}): ${failure}`);
  if (load.byKey.size !== keys) faults.push(`no call used one of the ${keys} keys (${what})`);
  return faults;
}

/** The new key is published and used at once; the old one is withdrawn in the same moment as the next is published. */
export async function rotationByUrl(service: GuardedService, rotations: number): Promise<readonly string[]> {
  let published = [signingKey('url-0')];
  const server = createServer((_request, response) => response.end(keySetText(published)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the issuer has no port');
    const issuer: Issuer = { jwks: `http://127.0.0.1:${address.port}/keys`, signer: published[0] };
    const proxy = await service.startProxy({ jwks: issuer.jwks, workers: WORKERS });
    const load = await callWhile(proxy.port('clear'), issuer, async () => {
      for (let rotation = 1; rotation <= rotations; rotation++) {
        await sleep(BETWEEN_REQUESTS_MS);
        const next = signingKey(`url-${rotation}`, rotation % 2 === 0 ? 'ES256' : 'RS256');
        published = [issuer.signer, next];
        issuer.signer = next;
      }
    });
    return judge('by URL, at once', rotations + 1, load);
  } finally {
    server.close();
  }
}

/** The new key is published in a file, then used, and the old one is withdrawn once no token of it is in use. */
export async function rotationByFile(service: GuardedService, rotations: number): Promise<readonly string[]> {
  const jwks = join(service.folder, 'rotated-keys.json');
  const publish = (keys: readonly SigningKey[]): void => {
    writeFileSync(`${jwks}.new`, keySetText(keys));
    renameSync(`${jwks}.new`, jwks);
  };
  const issuer: Issuer = { jwks, signer: signingKey('file-0') };
  publish([issuer.signer]);
  const proxy = await service.startProxy({ jwks, workers: WORKERS });
  const load = await callWhile(proxy.port('clear'), issuer, async () => {
    for (let rotation = 1; rotation <= rotations; rotation++) {
      const next = signingKey(`file-${rotation}`);
      publish([issuer.signer, next]);
      await sleep(FILE_PUBLISHED_MS);
      issuer.signer = next;
      await sleep(FILE_PUBLISHED_MS);
      publish([next]);
    }
  });
  return judge('by file, published before', rotations + 1, load);
}
