import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ConnectionError } from '../../../src/h2/errors.ts';
import { decodeHuffman, huffmanLength, writeHuffman } from '../../../src/h2/hpack/huffman.ts';
import { HUFFMAN_CODES, HUFFMAN_LENGTHS } from '../../../src/h2/hpack/huffman-code.ts';

function encode(value: string): Buffer {
  const target = Buffer.alloc(huffmanLength(value) + 2, 0xaa);
  assert.equal(writeHuffman(target, 1, value), target.length - 1);
  assert.equal(target[target.length - 1], 0xaa, 'nothing is written behind the string');
  return target.subarray(1, -1);
}

function decode(bytes: Buffer): string {
  return decodeHuffman(bytes, 0, bytes.length);
}

/** The bytes that these bits make, which end on a byte boundary. */
function bytesOf(bits: string): Buffer {
  assert.equal(bits.length % 8, 0);
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

function fails(bytes: Buffer, token: string): void {
  assert.throws(
    () => decode(bytes),
    (error: unknown) => error instanceof ConnectionError && error.token === token,
  );
}

test('each of the 256 symbols has its code, padded with ones, and is read back', () => {
  for (let symbol = 0; symbol < 256; symbol++) {
    const value = String.fromCharCode(symbol);
    const bits = HUFFMAN_CODES[symbol].toString(2).padStart(HUFFMAN_LENGTHS[symbol], '0');
    const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, '1');
    assert.deepEqual(encode(value), bytesOf(padded), `symbol ${symbol}`);
    assert.equal(decode(bytesOf(padded)), value, `symbol ${symbol}`);
  }
});

test('each pair of symbols is read back, so that every symbol starts at every bit', () => {
  for (let first = 0; first < 256; first++) {
    let value = '';
    for (let second = 0; second < 256; second++) value += String.fromCharCode(first, second);
    assert.equal(decode(encode(value)), value);
  }
});

test('the strings of RFC 7541 appendix C', () => {
  for (const [value, hex] of [
    ['www.example.com', 'f1e3c2e5f23a6ba0ab90f4ff'],
    ['no-cache', 'a8eb10649cbf'],
    ['custom-value', '25a849e95bb8e8b4bf'],
    ['307', '640eff'],
    ['Mon, 21 Oct 2013 20:13:21 GMT', 'd07abe941054d444a8200595040b8166e082a62d1bff'],
  ]) {
    assert.equal(encode(value).toString('hex'), hex);
    assert.equal(decode(Buffer.from(hex, 'hex')), value);
  }
});

test('any latin1 string is read back, from any place in a buffer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(5), (bytes, offset) => {
      const value = Buffer.from(bytes).toString('latin1');
      const target = Buffer.alloc(offset + huffmanLength(value) + 3, 0x55);
      const end = writeHuffman(target, offset, value);
      assert.equal(decodeHuffman(target, offset, end), value);
    }),
    { seed: 7541, numRuns: 500 },
  );
});

test('a string longer than any scratch is read back', () => {
  const value = '0123456789'.repeat(20_000);
  assert.equal(decode(encode(value)), value);
});

test('an empty string takes no bytes', () => {
  assert.equal(huffmanLength(''), 0);
  assert.equal(decode(Buffer.alloc(0)), '');
});

test('hpack_huffman_padding: more than seven bits', () => {
  fails(Buffer.from([0xff]), 'hpack_huffman_padding');
  // '0' is 00000; three bits of padding are right, eleven are not.
  assert.equal(decode(bytesOf('00000111')), '0');
  fails(bytesOf('0000011111111111'), 'hpack_huffman_padding');
});

test('hpack_huffman_padding: not all ones', () => {
  for (const padding of ['000', '110', '101', '011']) {
    fails(bytesOf(`00000${padding}`), 'hpack_huffman_padding');
  }
});

test('hpack_huffman_padding: an unfinished symbol', () => {
  fails(Buffer.from([0xff, 0xff, 0xea]).subarray(0, 2), 'hpack_huffman_padding');
});

test('hpack_huffman_end_of_string', () => {
  fails(bytesOf('1'.repeat(32)), 'hpack_huffman_end_of_string');
  fails(bytesOf(`00000${'1'.repeat(30)}00000`), 'hpack_huffman_end_of_string');
});
