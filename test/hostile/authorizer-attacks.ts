// Calls on a route whose authorizer never answers: they may cost nobody else anything, and all end when their time is over.

import { eventually } from '../support/eventually.ts';
import * as frames from '../support/frames.ts';
import type { Attack } from './attack.ts';
import { Attacker, grpcBlock, repeated } from './attacker.ts';

const CONNECTIONS = 8;
const CALLS_OF_CONNECTION = 125;
/** The timeout is two seconds; a busy machine may need some more. */
const MOST_MS = 20_000;

function refusedCalls({ peer }: Attacker): number {
  return (peer?.frames ?? []).filter(({ fields }) => new Map(fields).get('grpc-status') === '14').length;
}

const silentAuthorizer: Attack = {
  id: 'authorize',
  name: '1,000 calls held at an authorizer that never answers',
  rule: 'authorize.timeout: authorizer_unavailable',
  isShort: true,
  async mount(stage) {
    const authorizer = stage.newUpstream();
    const path = `/guarded.${authorizer.name}.S/M`;
    const from = stage.newSource();
    const attackers: Attacker[] = [];
    for (let index = 0; index < CONNECTIONS; index++) {
      const attacker = await Attacker.open(stage, { from });
      attackers.push(attacker);
      attacker.send(
        repeated(CALLS_OF_CONNECTION, (call) =>
          frames.headers(2 * call + 1, grpcBlock(path), { endStream: true }),
        ),
      );
    }
    const calls = CONNECTIONS * CALLS_OF_CONNECTION;
    const refused = (): number => attackers.reduce((sum, attacker) => sum + refusedCalls(attacker), 0);
    await eventually('the authorizer is asked', () => authorizer.requests.length > 0);
    await eventually('all calls are over', () => refused() === calls, MOST_MS);
    for (const attacker of attackers) {
      await attacker.wantAlive();
      attacker.leave();
    }
    return `${calls} calls ended with UNAVAILABLE, ${authorizer.requests.length} of them asked about`;
  },
};

export const authorizerAttacks: readonly Attack[] = [silentAuthorizer];
