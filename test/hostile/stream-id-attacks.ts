// F18: a client's stream identifiers run out, and with them the use of its connection. Whoever skips to their end is asked
// to go, as an honest client is that has used half of them.

import assert from 'node:assert/strict';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { eventually } from '../support/eventually.ts';
import * as frames from '../support/frames.ts';
import type { Attack } from './attack.ts';
import { Attacker, grpcBlock } from './attacker.ts';

const LAST_ID = 0x7fff_ffff;
const FIRST_WORN_ID = 0x4000_0001;

/** The time between two looks, and the round trip between two GOAWAYs, on a busy machine. */
const MOST_LEAVING_MS = 15_000;

export const streamIdAttacks: readonly Attack[] = [
  {
    id: 'F18',
    name: 'Stream identifiers used up: from 1 to 2^30 and to 2^31-1',
    rule: 'half of them, then another connection',
    async mount(stage) {
      for (const id of [FIRST_WORN_ID, LAST_ID]) {
        const attacker = await Attacker.open(stage);
        attacker.request(1, '/no/route');
        attacker.request(id, '/no/route');
        assert.equal(await attacker.outcome(id), '12', 'the call itself is served');
        const goAways = () => attacker.peer?.frames.filter(({ type }) => type === FrameType.GOAWAY) ?? [];
        await eventually('it is asked to go', () => goAways().length === 2, MOST_LEAVING_MS);
        assert.deepEqual(
          goAways().map(({ payload }) => payload.readUInt32BE(4)),
          [ErrorCode.NO_ERROR, ErrorCode.NO_ERROR],
        );
        await eventually('it is disconnected', () => attacker.isGone, MOST_LEAVING_MS);
      }
      const backwards = await Attacker.open(stage);
      backwards.send(
        frames.headers(LAST_ID, grpcBlock('/no/route'), { endStream: true }),
        frames.headers(1, grpcBlock('/no/route'), { endStream: true }),
      );
      await backwards.wantGoAway(ErrorCode.PROTOCOL_ERROR, 'stream_id_invalid');
      await backwards.wantGone();
      return 'served, asked to go (GOAWAY NO_ERROR twice) and closed; no identifier comes a second time';
    },
  },
];
