import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as holds, integer, property } from 'fast-check';
import {
  healthRequest,
  MessageReader,
  MOST_MESSAGE_BYTES,
  readHealthResponse,
} from '../../src/health/health-message.ts';

test('a request names its service, and has nothing for the server as a whole', () => {
  assert.deepEqual([...healthRequest('')], [0, 0, 0, 0, 0]);
  assert.deepEqual([...healthRequest('a.B')], [0, 0, 0, 0, 5, 0x0a, 3, 0x61, 0x2e, 0x42]);
  const long = healthRequest('x'.repeat(200));
  assert.deepEqual([...long.subarray(0, 8)], [0, 0, 0, 0, 203, 0x0a, 0xc8, 0x01]);
  assert.equal(long.length, 208);
});

const responses: readonly (readonly [name: string, bytes: readonly number[], status: string | undefined])[] =
  [
    ['no field', [], 'UNKNOWN'],
    ['SERVING', [8, 1], 'SERVING'],
    ['NOT_SERVING', [8, 2], 'NOT_SERVING'],
    ['SERVICE_UNKNOWN', [8, 3], 'SERVICE_UNKNOWN'],
    ['a status of a later version', [8, 9], 'status 9'],
    ['the last of two', [8, 1, 8, 2], 'NOT_SERVING'],
    [
      'fields of a later version',
      [0x12, 2, 8, 2, 0x1d, 0, 0, 0, 0, 0x21, 0, 0, 0, 0, 0, 0, 0, 0, 8, 1],
      'SERVING',
    ],
    ['a varint without an end', [8, 0x80], undefined],
    ['a varint that is too long', [8, ...Array<number>(11).fill(0x80), 1], undefined],
    ['a field that is longer than the message', [0x12, 9, 1], undefined],
    ['a group', [0x0b, 0x0c], undefined],
  ];

for (const [name, bytes, status] of responses) {
  test(`a response with ${name} is ${status ?? 'no response'}`, () => {
    assert.equal(readHealthResponse(Buffer.from(bytes)), status);
  });
}

test('messages are found however their bytes are cut', () => {
  const bytes = Buffer.concat([healthRequest('a'), healthRequest(''), healthRequest('b.C')]);
  holds(
    property(array(integer({ min: 0, max: bytes.length }), { maxLength: 6 }), (places) => {
      const cuts = [0, ...places.toSorted((one, other) => one - other), bytes.length];
      const reader = new MessageReader();
      const lengths: number[] = [];
      for (let index = 1; index < cuts.length; index++) {
        const piece = bytes.subarray(cuts[index - 1], cuts[index]);
        assert.equal(
          reader.read(piece, ({ length }) => lengths.push(length)),
          undefined,
        );
      }
      assert.deepEqual(lengths, [3, 0, 5]);
    }),
  );
});

function fail(): void {
  assert.fail('there is no message');
}

test('a message that is compressed or too long is refused before it has come', () => {
  assert.match(new MessageReader().read(Buffer.from([1, 0, 0, 0, 2]), fail) ?? '', /compressed/);
  const long = Buffer.alloc(5);
  long.writeUInt32BE(MOST_MESSAGE_BYTES + 1, 1);
  assert.equal(new MessageReader().read(long, fail), `a message of ${MOST_MESSAGE_BYTES + 1} bytes`);
});
