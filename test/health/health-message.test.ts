import assert from 'node:assert/strict';
import { test } from 'node:test';
import { healthRequest, readHealthResponse } from '../../src/health/health-message.ts';

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
