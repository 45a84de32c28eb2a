import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { bytesField, numberField, readFields, readMessage, withLength } from './protobuf-fields.ts';

test('numbers and bytes are read as they were written', () => {
  const message = Buffer.concat([
    numberField(1, 2),
    bytesField(7, Buffer.from('pem')),
    numberField(6, 204_800),
  ]);
  const { numbers, bytes } = readFields(message);
  assert.deepEqual(Object.fromEntries(numbers), { 1: 2, 6: 204_800 });
  assert.equal(bytes.get(7)?.toString(), 'pem');
});

test('a message is read from its pieces, and an end before its end is told', async () => {
  const bytes = withLength(Buffer.from('message'));
  const pieces = [bytes.subarray(0, 2), bytes.subarray(2, 6), bytes.subarray(6)];
  assert.equal((await readMessage(Readable.from(pieces))).toString(), 'message');
  await assert.rejects(readMessage(Readable.from(pieces.slice(0, 2))), /ended before/);
});
