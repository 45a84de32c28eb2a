// A client that takes a byte of a large message and no more, on a route whose calls share a limit of bytes. What it does not take may not
// stop the others.

import assert from 'node:assert/strict';
import { SettingId } from '../../src/h2/settings.ts';
import { eventually } from '../support/eventually.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import type { RawRequest } from '../support/raw-server.ts';
import type { Attack } from './attack.ts';
import { Attacker } from './attacker.ts';
import { boundedPath, SHARED_BURST_BYTES } from './bounded-route.ts';

/** Nearly all that may come at once. */
const LARGE_BYTES = 0.9 * SHARED_BURST_BYTES;
/** More than is left of it. */
const HONEST_BYTES = 0.15 * SHARED_BURST_BYTES;
const HONEST_CALLS = 50;
const FRAME_BYTES = 16_384;
const LARGE = 'large';

function answer(request: RawRequest): void {
  const isLarge = request.field('x-size') === LARGE;
  const message = grpcMessage(Buffer.alloc(isLarge ? LARGE_BYTES : HONEST_BYTES));
  request.sendHeaders();
  for (let start = 0; start < message.length; start += FRAME_BYTES)
    request.peer.sendData(request.streamId, message.subarray(start, start + FRAME_BYTES));
  request.sendTrailers();
}

const oneByteReader: Attack = {
  id: 'slow readers',
  name: 'Slow reader: it takes a byte of a message that has nearly the size of the burst which all calls of the route share',
  rule: 'routes[].limits: what waits for its receiver holds no tokens',
  isShort: true,
  async mount(stage) {
    const upstream = stage.newUpstream();
    const path = boundedPath(upstream.name);
    upstream.onRequestEnd = answer;
    const attacker = await Attacker.open(stage, {
      givesCredit: false,
      settings: [[SettingId.INITIAL_WINDOW_SIZE, 1]],
    });
    attacker.request(1, path, ['x-size', LARGE]);
    const reader = attacker.peer;
    await eventually('its byte has come', () => reader?.contentOf(1).length === 1);
    const honest = await Attacker.open(stage);
    const statuses: string[] = [];
    for (let call = 0; call < HONEST_CALLS; call++) {
      honest.request(2 * call + 1, path);
      statuses.push(await honest.outcome(2 * call + 1));
    }
    assert.deepEqual(new Set(statuses), new Set(['0']), 'each honest call is served');
    assert.equal(attacker.isGone, false, 'the attack still runs');
    assert.equal(reader?.contentOf(1).length, 1);
    attacker.leave();
    honest.leave();
    return `${HONEST_CALLS} of ${HONEST_CALLS} other calls are served`;
  },
};

export const slowReaderAttacks: readonly Attack[] = [oneByteReader];
