// XXH64 against the reference implementation (xxHash 0.8, `xxhsum -H64`), with every way that the algorithm takes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { upperHash, wholeHash } from '../../../src/upstreams/balancers/xxh64.ts';

/** Bytes of all values, from 0 to 255. */
function bytes(count: number): string {
  return Buffer.from(Array.from({ length: count }, (_, index) => (index * 7 + 3) & 255)).toString('latin1');
}

const VECTORS: readonly (readonly [text: string, hash: string])[] = [
  ['', 'ef46db3751d8e999'],
  ['a', 'd24ec4f1a98c6e5b'],
  ['abc', '44bc2cf5ad770999'],
  ['Nobody inspects the spammish repetition', 'fbcea83c8a378bf1'],
  ['x'.repeat(101), 'fb65b1d88f218076'],
  [bytes(4), '9bb64b7d66ee9fda'],
  [bytes(7), '9a7b149959ce60d8'],
  [bytes(8), 'dab99d95c6f90092'],
  [bytes(31), 'a2aa5f33cc4a6119'],
  [bytes(32), '23c3c17ef790fd97'],
  [bytes(33), '50a7cfc7ba588784'],
  [bytes(64), '0eb64b3ef6eeb01f'],
  [bytes(100), 'a61f8d4c170fe531'],
];

for (const [text, hash] of VECTORS) {
  test(`the hash of ${text.length} bytes`, () => {
    const halves = wholeHash(text).map((half) => half.toString(16).padStart(8, '0'));
    assert.equal(halves.join(''), hash);
    assert.equal(upperHash(text), Number.parseInt(hash.slice(0, 8), 16));
  });
}
