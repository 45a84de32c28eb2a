import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { MessageCounter } from '../../src/grpc/message-counter.ts';

function message(length: number): Buffer {
  // Bytes that would be taken for lengths if the counter lost its place.
  const bytes = Buffer.alloc(5 + length, 0xff);
  bytes[0] = 0;
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

function count(...chunks: readonly Buffer[]): number {
  const counter = new MessageCounter();
  for (const chunk of chunks) counter.consume(chunk, 0, chunk.length);
  return counter.messages;
}

test('a chunk that is one message counts one', () => {
  assert.equal(count(message(640)), 1);
});

test('several messages in a chunk, empty ones too', () => {
  assert.equal(count(Buffer.concat([message(3), message(0), message(0), message(300)])), 4);
});

test('a message counts when its last byte has come', () => {
  const bytes = message(10);
  const counter = new MessageCounter();
  counter.consume(bytes, 0, 14);
  assert.equal(counter.messages, 0);
  assert.equal(counter.isInsideMessage, true);
  counter.consume(bytes, 14, 15);
  assert.equal(counter.messages, 1);
  assert.equal(counter.isInsideMessage, false);
});

test('only the given part of a chunk is read', () => {
  const bytes = Buffer.concat([Buffer.from([9, 9, 9]), message(2), Buffer.from([9, 9])]);
  const counter = new MessageCounter();
  counter.consume(bytes, 3, 10);
  assert.equal(counter.messages, 1);
  assert.equal(counter.isInsideMessage, false);
});

test('nothing at all is no message', () => {
  assert.equal(count(Buffer.alloc(0)), 0);
});

test('a length of four GiB is neither negative nor wrapped', () => {
  const prefix = Buffer.from([0, 0xff, 0xff, 0xff, 0xff]);
  for (const splits of [[prefix], [prefix.subarray(0, 2), prefix.subarray(2)]]) {
    const counter = new MessageCounter();
    for (const part of splits) counter.consume(part, 0, part.length);
    const gibibyte = Buffer.alloc(16);
    // Told of 4 GiB less one byte without making them: the range is all that is looked at.
    for (let index = 0; index < 3; index += 1) counter.consume(gibibyte, 0, 2 ** 30);
    counter.consume(gibibyte, 0, 2 ** 30 - 2);
    assert.equal(counter.messages, 0);
    counter.consume(gibibyte, 0, 1);
    assert.equal(counter.messages, 1);
    assert.equal(counter.isInsideMessage, false);
  }
});

test('any split of the bytes counts the same', () => {
  const lengths = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 12 }), fc.constant(300)), {
    maxLength: 12,
  });
  const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(lengths, cuts, (sizes, steps) => {
      const bytes = Buffer.concat(sizes.map(message));
      const counter = new MessageCounter();
      let at = 0;
      for (let turn = 0; at < bytes.length; turn += 1) {
        const end = Math.min(bytes.length, at + steps[turn % steps.length]);
        counter.consume(bytes, at, end);
        at = end;
      }
      assert.equal(counter.messages, sizes.length);
      assert.equal(counter.isInsideMessage, false);
    }),
    { numRuns: 500 },
  );
});
