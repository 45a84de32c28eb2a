// A client that is limited by something it chooses itself: it may gain counts of its own, but no memory without end, and it may not
// begin the count of another client anew.

import assert from 'node:assert/strict';
import * as frames from '../support/frames.ts';
import type { Attack } from './attack.ts';
import { Attacker, grpcBlock } from './attacker.ts';
import type { Stage } from './stage.ts';

const PATH = '/limited.Service/Unary';
const FIELD = 'x-tenant';
/** More than a limit has counts for. */
const KEYS = 100_000;
/** As many calls as a connection may have open at a time. */
const AT_ONCE = 100;
const CALLS_OF_A_CONNECTION = 5000;
/** gRPC statuses. The service knows no such method and gives none. */
const REFUSED = '8';
/** What a process may gain by it: the counts, and what calls that are refused leave to the collector. */
const MOST_GAINED_MIB = 96;

async function statusOf(stage: Stage, key: string): Promise<string> {
  const client = await Attacker.open(stage, { from: stage.newSource() });
  client.request(1, PATH, [FIELD, key]);
  const status = await client.outcome(1);
  client.socket.destroy();
  return status;
}

async function makeUpKeys(stage: Stage, from: string): Promise<void> {
  for (let first = 0; first < KEYS; first += CALLS_OF_A_CONNECTION) {
    const attacker = await Attacker.open(stage, { from });
    for (let call = 0; call < CALLS_OF_A_CONNECTION; call += AT_ONCE) {
      const ids = Array.from({ length: AT_ONCE }, (_, index) => 2 * (call + index) + 1);
      const calls = ids.map((id, index) =>
        frames.headers(id, grpcBlock(PATH, [FIELD, `${'k'.repeat(100)}-${first + call + index}`]), {
          endStream: true,
        }),
      );
      attacker.send(...calls);
      await attacker.outcome(ids[AT_ONCE - 1]);
    }
    attacker.socket.destroy();
  }
}

const madeUpKeys: Attack = {
  id: 'limits',
  name: `${KEYS} values of the field that a limit counts by, from one client`,
  rule: 'call_limit',
  async mount(stage) {
    assert.notEqual(await statusOf(stage, 'victim'), REFUSED);
    assert.equal(await statusOf(stage, 'victim'), REFUSED, 'the limit holds');
    const before = stage.residentMiB;
    await makeUpKeys(stage, stage.newSource());
    const gained = stage.residentMiB - before;
    assert.ok(gained < MOST_GAINED_MIB, `${gained.toFixed(0)} MiB`);
    assert.equal(await statusOf(stage, 'victim'), REFUSED, 'its count did not begin anew');
    assert.notEqual(await statusOf(stage, 'another'), REFUSED, 'others still have counts of their own');
    return `${gained.toFixed(0)} MiB for ${KEYS} keys`;
  },
};

export const limitAttacks: readonly Attack[] = [madeUpKeys];
