// Credentials that nobody has given out: so many that all places among the verifications are taken, and all of them bad.

import assert from 'node:assert/strict';
import * as frames from '../support/frames.ts';
import { claimsFor, forged, signToken } from '../support/token-issuer.ts';
import type { Attack } from './attack.ts';
import { Attacker, grpcBlock } from './attacker.ts';
import { answered } from './death-attacks.ts';
import type { Stage } from './stage.ts';
import { TOKEN_KEY } from './token-key.ts';

const ADDRESSES = 64;
/** As many as may wait for one address. */
const CALLS = 64;
const WAVES = 2;
const REFUSALS = ['credentials_invalid', 'verification_limited'];

function callWith(stream: number, token: string): Buffer {
  const block = grpcBlock('/guarded.Service/Unary', ['authorization', `Bearer ${token}`]);
  return frames.headers(stream, block, { endStream: true });
}

/** With a new token, from an address that nobody has used. */
async function wantAccepted(stage: Stage): Promise<void> {
  const before = await stage.counted(REFUSALS);
  const client = await Attacker.open(stage, { from: stage.newSource() });
  client.send(callWith(1, signToken(TOKEN_KEY, claimsFor(`honest ${Math.random()}`))));
  await answered(client, 1);
  client.leave();
  assert.deepEqual(await stage.counted(REFUSALS), before, 'a good token is accepted');
}

const forgedTokens: Attack = {
  id: 'access',
  name: 'Waves of forged tokens from 64 addresses, which take all places among the verifications',
  // Whether the budget of an address is used up depends on how fast the machine verifies, since it grows meanwhile.
  rule: 'credentials_invalid, or turned away by the budget of the address',
  isShort: true,
  async mount(stage) {
    await wantAccepted(stage);
    const good = signToken(TOKEN_KEY, claimsFor('eve'));
    const crowd = await Promise.all(
      Array.from({ length: ADDRESSES }, () => Attacker.open(stage, { from: stage.newSource() })),
    );
    for (let wave = 0; wave < WAVES; wave++) {
      const first = 2 * CALLS * wave + 1;
      for (const attacker of crowd)
        for (let call = 0; call < CALLS; call++) attacker.send(callWith(first + 2 * call, forged(good)));
      for (const attacker of crowd)
        for (let call = 0; call < CALLS; call++) await answered(attacker, first + 2 * call);
      await wantAccepted(stage);
    }
    for (const attacker of crowd) attacker.leave();
    return `${ADDRESSES * CALLS * WAVES} were refused, and a good one after each wave was not`;
  },
};

export const credentialAttacks: readonly Attack[] = [forgedTokens];
