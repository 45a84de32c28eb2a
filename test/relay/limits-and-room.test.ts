// A limit counts what is passed on. What the target has no room for is not counted yet, so a client that reads nothing uses up nothing of a
// limit that it shares with others.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../src/calls/failure.ts';
import { framed } from '../../src/grpc/message-reader.ts';
import { ending, paced } from '../support/clocked-tokens.ts';
import { Clock, Limited } from './limited-relay.ts';

const PREFIX_BYTES = 5;

for (const [what, limit] of [
  ['paced by bytes', paced],
  ['ended by bytes', ending],
] as const) {
  test(`a call that is ${what} takes nothing while its target has no room, and goes on once it has`, () => {
    const clock = new Clock();
    const tokens = clock.tokens(1, 1000);
    const call = new Limited(clock, { rates: [limit(tokens, { counts: 'bytes' })] });
    call.target.room = 0;
    call.sends('one', 'two');
    assert.equal(tokens.asked, 0);
    // All of it waits for the target, and nothing for the limit.
    assert.deepEqual([call.relay.pendingBytes, call.relay.owedBytes, call.relay.isPaced], [16, 16, false]);
    call.target.room = 1000;
    call.relay.resume();
    assert.equal(call.passed, 'onetwo');
    assert.equal(tokens.take('one', 985) > 0, true);
    assert.equal(tokens.take('one', 984), 0);
  });
}

test('a call that is paced takes no more than a prefix beyond the room of its target', () => {
  const clock = new Clock();
  const tokens = clock.tokens(1, 1000);
  const call = new Limited(clock, { rates: [paced(tokens, { counts: 'bytes', sliceBytes: 500 })] });
  call.target.room = 10;
  call.sends('x'.repeat(500));
  assert.equal(call.passedBytes, 10);
  assert.equal(tokens.take('one', 1000 - 10 - PREFIX_BYTES + 1), 0);
});

test('messages count once there is room for their first byte', () => {
  const clock = new Clock();
  const tokens = clock.tokens(1, 3);
  const call = new Limited(clock, { rates: [paced(tokens)] });
  call.target.room = PREFIX_BYTES + 3;
  call.sends('one', 'two', 'six');
  // The next one is judged with its whole prefix.
  assert.equal(tokens.take('one', 2) > 0, true);
  assert.equal(tokens.take('one', 1), 0);
});

test('a message that is too large ends the call before its first byte has passed, however little room there is', () => {
  for (let room = 0; room < 2 * PREFIX_BYTES; room++) {
    const clock = new Clock();
    const messageSize = { mostBytes: 3, exceeded: () => failure('message_too_large', 'too large') };
    const call = new Limited(clock, { messageSize });
    call.target.room = room;
    call.forwards(framed(Buffer.from('abcd')));
    assert.equal(call.refusal?.token, room === 0 ? undefined : 'message_too_large');
    assert.equal(call.passedBytes, 0);
  }
});
