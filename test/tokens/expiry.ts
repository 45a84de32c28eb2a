// Streams whose tokens expire one after another: each has to end within a second of it, with UNAUTHENTICATED and a sentence, and has
// to carry messages until then.

import { setTimeout as sleep } from 'node:timers/promises';
import { claimsFor, type SigningKey, signToken } from '../support/token-issuer.ts';
import { STREAM } from './guarded-proxy.ts';
import { type CallEnd, TokenClient } from './token-client.ts';

const STREAMS = 100;
const FIRST_SECONDS = 4;
/** Between the expiry of one token and the next: not in step with any clock of the proxy. */
const STEP_SECONDS = 0.037;
const TALK_MS = 200;
const MOST_LATE_MS = 1000;
const UNAUTHENTICATED = '16';

interface Ended {
  readonly end: CallEnd;
  readonly lateMs: number;
  readonly echoes: number;
}

/** @returns what is not as promised */
export async function expiry(port: number, key: SigningKey): Promise<readonly string[]> {
  const client = new TokenClient(port, '127.0.0.1');
  try {
    const ended = await Promise.all(
      Array.from({ length: STREAMS }, async (_, index) => untilExpiry(client, key, index)),
    );
    const late = ended.map(({ lateMs }) => lateMs).toSorted((a, b) => a - b);
    const [first] = ended;
    console.log(
      `expiry: ${ended.length} streams ended ${late[0].toFixed(0)} to ${late[late.length - 1].toFixed(0)} ms after their token expired ` +
        `(median ${late[late.length >> 1].toFixed(0)} ms), with ${first.end.status} "${first.end.message}"`,
    );
    return ended.flatMap((one) => faultsOf(one));
  } finally {
    client.close();
  }
}

async function untilExpiry(client: TokenClient, key: SigningKey, index: number): Promise<Ended> {
  await sleep(10 * index);
  const claims = claimsFor(`user-${index}`, FIRST_SECONDS + STEP_SECONDS * index);
  const call = client.open(STREAM, signToken(key, claims));
  const echoes = TokenClient.talk(call, TALK_MS);
  const end = await call.end;
  return { end, lateMs: Date.now() - Number(claims['exp']) * 1000, echoes: echoes() };
}

function faultsOf({ end, lateMs, echoes }: Ended): readonly string[] {
  const faults: string[] = [];
  if (lateMs < 0) faults.push(`a stream ended ${-lateMs} ms before its token expired: ${end.message}`);
  if (lateMs > MOST_LATE_MS) faults.push(`a stream ended ${lateMs} ms after its token expired`);
  if (end.status !== UNAUTHENTICATED || !/has expired; call again with a new one/.test(end.message))
    faults.push(`a stream ended with ${end.status} "${end.message}"`);
  if (echoes === 0) faults.push('a stream carried no message before it ended');
  return faults;
}
