// Messages of Protocol Buffers as they are written: read again, and byte for byte.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LENGTH_DELIMITED, ProtobufReader, VARINT } from '../../src/grpc/protobuf-reader.ts';
import { ProtobufWriter } from '../../src/grpc/protobuf-writer.ts';

test('numbers, texts and messages have the bytes that the encoding prescribes', () => {
  const inner = new ProtobufWriter().number(1, 150);
  const message = new ProtobufWriter().number(1, 1).text(2, 'é').message(3, inner).number(16, 128);
  assert.equal(message.bytes.toString('hex'), '08011202c3a91a0308960180018001');
});

test('what has its default value is left out, but not a message, which is there though it is empty', () => {
  const message = new ProtobufWriter().number(1, 0).text(2, '').message(3, new ProtobufWriter());
  assert.equal(message.bytes.toString('hex'), '1a00');
});

test('whatever number can be exact is read as it was written', () => {
  for (const value of [1, 127, 128, 2 ** 31, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER]) {
    const reader = new ProtobufReader(new ProtobufWriter().number(3, value).bytes);
    assert.equal(reader.readVarint(), 3 * 8 + VARINT);
    assert.equal(reader.readVarint(), value);
    assert.ok(reader.isAtEnd);
  }
});

test('a message grows with its fields', () => {
  const writer = new ProtobufWriter();
  for (let index = 0; index < 200; index++) writer.text(1, `text ${index}`);
  const reader = new ProtobufReader(writer.bytes);
  for (let index = 0; index < 200; index++) {
    assert.equal(reader.readVarint(), 8 + LENGTH_DELIMITED);
    assert.equal(reader.readBytes()?.toString(), `text ${index}`);
  }
  assert.ok(reader.isAtEnd);
});

test('bytes that are not complete are not read', () => {
  assert.equal(new ProtobufReader(Buffer.from([3, 1, 2])).readBytes(), undefined);
  assert.equal(new ProtobufReader(Buffer.from([0x80])).readBytes(), undefined);
});

test('a negative number of type int64 has ten bytes, as its complement of 2^64', () => {
  const minusOne = [8, ...Array.from({ length: 9 }, () => 0xff), 1];
  assert.deepEqual([...new ProtobufWriter().signed(1, -1).bytes], minusOne);
  assert.deepEqual([...new ProtobufWriter().signed(1, -2).bytes], [8, 0xfe, ...minusOne.slice(2)]);
  assert.deepEqual([...new ProtobufWriter().signed(1, 300).bytes], [8, 0xac, 2]);
  assert.equal(new ProtobufWriter().signed(1, 0).length, 0);
});
