import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as holds, integer, property } from 'fast-check';
import { framed, MessageReader } from '../../src/grpc/message-reader.ts';

const MOST = 1000;

test('messages are found however their bytes are cut', () => {
  const messages = ['abc', '', 'abcde', 'x'.repeat(MOST)].map((text) => Buffer.from(text));
  const bytes = Buffer.concat(messages.map(framed));
  holds(
    property(array(integer({ min: 0, max: bytes.length }), { maxLength: 12 }), (places) => {
      const cuts = [0, ...places.toSorted((one, other) => one - other), bytes.length];
      const reader = new MessageReader(MOST);
      const found: string[] = [];
      for (let index = 1; index < cuts.length; index++) {
        const piece = bytes.subarray(cuts[index - 1], cuts[index]);
        const fault = reader.read(piece, (message) => {
          found.push(message.toString());
          return undefined;
        });
        assert.equal(fault, undefined);
      }
      assert.deepEqual(found, messages.map(String));
    }),
  );
});

function fail(): never {
  assert.fail('there is no message');
}

test('a message that is compressed or too long is refused before it has come', () => {
  assert.match(new MessageReader(MOST).read(Buffer.from([1, 0, 0, 0, 2]), fail) ?? '', /compressed/);
  const long = Buffer.alloc(5);
  long.writeUInt32BE(MOST + 1, 1);
  assert.equal(new MessageReader(MOST).read(long, fail), `a message of ${MOST + 1} bytes`);
  long.writeUInt32BE(0xffffffff, 1);
  assert.equal(new MessageReader(MOST).read(long, fail), 'a message of 4294967295 bytes');
});

test('nothing is read behind a message with which something is wrong', () => {
  let count = 0;
  const fault = new MessageReader(MOST).read(
    Buffer.concat([framed(Buffer.alloc(1)), framed(Buffer.alloc(1))]),
    () => {
      count++;
      return 'a wrong message';
    },
  );
  assert.deepEqual([fault, count], ['a wrong message', 1]);
});
