// Calls on a route that asks a service which never answers: they may cost nobody else anything, and all end when their time is over.

import { eventually } from '../support/eventually.ts';
import * as frames from '../support/frames.ts';
import type { Attack } from './attack.ts';
import { Attacker, grpcBlock, repeated } from './attacker.ts';
import type { Stage } from './stage.ts';

const CONNECTIONS = 8;
const CALLS_OF_CONNECTION = 125;
/** The timeout is two seconds; a busy machine may need some more. */
const MOST_MS = 20_000;

function refusedCalls({ peer }: Attacker): number {
  return (peer?.frames ?? []).filter(({ fields }) => new Map(fields).get('grpc-status') === '14').length;
}

/** @param prefix of the routes of the stage that ask */
function silentService(what: Pick<Attack, 'id' | 'name' | 'rule'>, prefix: string): Attack {
  return { ...what, isShort: true, mount: (stage) => holdCalls(stage, prefix) };
}

async function holdCalls(stage: Stage, prefix: string): Promise<string> {
  const service = stage.newUpstream();
  const path = `/${prefix}.${service.name}.S/M`;
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
  await eventually('the service is asked', () => service.requests.length > 0);
  await eventually('all calls are over', () => refused() === calls, MOST_MS);
  for (const attacker of attackers) {
    await attacker.wantAlive();
    attacker.leave();
  }
  return `${calls} calls ended with UNAVAILABLE, ${service.requests.length} of them asked about`;
}

export const questionAttacks: readonly Attack[] = [
  silentService(
    {
      id: 'authorize',
      name: '1,000 calls held at an authorizer that never answers',
      rule: 'authorize.timeout: authorizer_unavailable',
    },
    'guarded',
  ),
  silentService(
    {
      id: 'limit services',
      name: '1,000 calls held at a rate limit service that never answers',
      rule: 'limits[].timeout: limit_service_unavailable',
    },
    'counted',
  ),
];
