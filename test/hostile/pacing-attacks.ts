// Attacks on routes that pace: clients that send what must wait, on as many streams as they can open.

import assert from 'node:assert/strict';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { eventually } from '../support/eventually.ts';
import * as frames from '../support/frames.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import type { Attack } from './attack.ts';
import { Attacker, grpcBlock, repeated } from './attacker.ts';
import { PACED_PATH } from './stage-config.ts';

const CONNECTIONS = 8;
const STREAMS = 125;
/** The default of limits.streamWindow. */
const WINDOW_BYTES = 131_072;
const FRAME_BYTES = 16_384;

/** Of 16 bytes each, so that a window has 8,192 of them. */
const MESSAGES = repeated(FRAME_BYTES / 16, () => grpcMessage(Buffer.alloc(11)));

/** One message in a second may pass on this route, of all streams together. */
const filledWindows: Attack = {
  id: 'paced streams',
  name: `Paced streams: ${CONNECTIONS * STREAMS} of them, each with half a window of messages that must wait, one with more than a window`,
  rule: 'limits.streamWindow: a window for a stream, and one timer for all of them',
  isSaturating: true,
  async mount(stage) {
    const attackers = await Promise.all(Array.from({ length: CONNECTIONS }, () => Attacker.open(stage)));
    for (const attacker of attackers) {
      attacker.send(
        repeated(STREAMS, (index) => frames.headers(2 * index + 1, grpcBlock(PACED_PATH))),
        ...Array.from({ length: STREAMS }, (_, index) =>
          repeated(WINDOW_BYTES / 2 / FRAME_BYTES, () => frames.data(2 * index + 1, MESSAGES)),
        ),
      );
    }
    for (const attacker of attackers) await attacker.wantAlive();
    const [obstinate] = attackers;
    obstinate.send(repeated(WINDOW_BYTES / 2 / FRAME_BYTES + 1, () => frames.data(3, MESSAGES)));
    await obstinate.wantReset(3, ErrorCode.FLOW_CONTROL_ERROR);
    for (const attacker of attackers) assert.equal(attacker.isGone, false);
    for (const attacker of attackers) attacker.leave();
    await eventually('the attackers are gone', () => attackers.every(({ isGone }) => isGone));
    return 'held without credit; a byte beyond the window is FLOW_CONTROL_ERROR';
  },
};

export const pacingAttacks: readonly Attack[] = [filledWindows];
