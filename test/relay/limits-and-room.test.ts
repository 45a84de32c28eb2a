// A limit counts what is passed on. What the target has no room for is not counted yet, so a client that reads nothing uses up nothing of a
// limit that it shares with others.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../src/calls/failure.ts';
import type { DirectionLimits, SizeLimit } from '../../src/calls/flow-limits.ts';
import { framed } from '../../src/grpc/message-reader.ts';
import { ending, paced } from '../support/clocked-tokens.ts';
import { Clock, Limited } from './limited-relay.ts';

const PREFIX_BYTES = 5;
const AT_MOST_3: SizeLimit = { mostBytes: 3, exceeded: () => failure('message_too_large', 'too large') };

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

test('a call that is paced takes no more than the room of its target', () => {
  const clock = new Clock();
  const tokens = clock.tokens(1, 1000);
  const call = new Limited(clock, { rates: [paced(tokens, { counts: 'bytes', sliceBytes: 500 })] });
  call.target.room = 10;
  call.sends('x'.repeat(500));
  assert.equal(call.passedBytes, 10);
  assert.deepEqual([tokens.take('one', 991) > 0, tokens.take('one', 990)], [true, 0]);
});

test('messages count once there is room for their first byte', () => {
  for (const beyond of [0, 1]) {
    const clock = new Clock();
    const tokens = clock.tokens(1, 3);
    const call = new Limited(clock, { rates: [paced(tokens)] });
    call.target.room = PREFIX_BYTES + 3 + beyond;
    call.sends('one', 'two', 'six');
    assert.equal(tokens.take('one', 3 - beyond) > 0, true);
    assert.equal(tokens.take('one', 2 - beyond), 0);
  }
});

test('a message that is too large ends the call before its first byte has passed, however little room there is', () => {
  for (let room = 0; room < 2 * PREFIX_BYTES; room++) {
    const clock = new Clock();
    const call = new Limited(clock, { messageSize: AT_MOST_3 });
    call.target.room = room;
    call.forwards(framed(Buffer.from('abcd')));
    assert.equal(call.refusal?.token, room === 0 ? undefined : 'message_too_large');
    assert.equal(call.passedBytes, 0);
  }
});

/** Limits that end a call at its second message, of 100 bytes. */
const REFUSING: Readonly<Record<string, (clock: Clock) => Partial<DirectionLimits>>> = {
  messageSize: () => ({ messageSize: AT_MOST_3 }),
  'a limit of bytes': (clock) => ({ rates: [ending(clock.tokens(0.01, 50), { counts: 'bytes' })] }),
  'a limit of messages': (clock) => ({ rates: [ending(clock.tokens(0.01, 1))] }),
  // The slices of the limit that paces end inside of the prefix.
  'messageSize behind a limit that paces': (clock) => ({
    rates: [paced(clock.tokens(100, 10), { counts: 'bytes', sliceBytes: 10 })],
    messageSize: AT_MOST_3,
  }),
};

for (const [name, limits] of Object.entries(REFUSING))
  test(`nothing passes of a second message that ends the call, whatever the room for it (${name})`, () => {
    const first = framed(Buffer.from('one'));
    for (let room = 0; room <= first.length + 101; room++) {
      const clock = new Clock();
      const call = new Limited(clock, limits(clock));
      call.target.room = room;
      call.sends('one', 'x'.repeat(100));
      clock.passes(2000);
      const hasRoom = room > first.length;
      assert.equal(call.passedOn.equals(first.subarray(0, room)), true, `with room for ${room} bytes`);
      assert.equal(call.refusal !== undefined, hasRoom, `with room for ${room} bytes`);
      assert.equal(call.target.isWaiting, !hasRoom, `with room for ${room} bytes`);
      call.target.room = 1000;
      call.relay.resume();
      clock.passes(2000);
      assert.equal(call.passedOn.equals(first), true, `after room for ${room} bytes`);
      assert.notEqual(call.refusal, undefined);
    }
  });

test('what a limit lets pass byte by byte of room is judged once, and passes unchanged', () => {
  const clock = new Clock();
  const tokens = clock.tokens(1, 1000);
  const call = new Limited(clock, {
    rates: [ending(tokens, { counts: 'bytes' })],
    messageSize: { mostBytes: 10, exceeded: () => failure('message_too_large', 'too large') },
  });
  const bytes = Buffer.concat(['', 'one', '', '', 'four', 'x'].map((text) => framed(Buffer.from(text))));
  call.target.room = 0;
  call.forwards(bytes, true);
  while (call.passedBytes < bytes.length) {
    const { passedBytes } = call;
    assert.equal(call.target.isWaiting, true);
    call.target.room = 1;
    call.relay.resume();
    assert.equal(call.passedBytes, passedBytes + 1);
  }
  assert.equal(call.passedOn.equals(bytes), true);
  assert.deepEqual([call.refusal, call.relay.isEnded], [undefined, true]);
  assert.deepEqual(
    [tokens.take('one', 1001 - bytes.length) > 0, tokens.take('one', 1000 - bytes.length)],
    [true, 0],
  );
});
