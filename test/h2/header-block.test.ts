// A header block in pieces, and the bounds that keep CONTINUATION from being endless.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { ConnectionError } from '../../src/h2/errors.ts';
import { HeaderBlock } from '../../src/h2/header-block.ts';

const PIECE = Buffer.from('abcdef');

function isFlood(action: () => void, token: string): void {
  assert.throws(
    action,
    (error: unknown) =>
      error instanceof ConnectionError && error.token === token && error.code === ErrorCode.ENHANCE_YOUR_CALM,
  );
}

test('pieces are joined in order, from copies', () => {
  const block = new HeaderBlock(1_000, 8);
  const reused = Buffer.from('abcdef');
  block.begin(3, true, reused, 1, 4);
  reused.write('xxxxxx');
  block.append(Buffer.from('gh'), 0, 2, true);
  assert.equal(block.isOpen, true);
  assert.equal(block.streamId, 3);
  assert.equal(block.endStream, true);
  assert.equal(block.finish().toString(), 'bcdgh');
  assert.equal(block.isOpen, false);
});

test('a second block starts empty', () => {
  const block = new HeaderBlock(1_000, 8);
  block.begin(1, true, PIECE, 0, 6);
  block.finish();
  block.begin(3, false, PIECE, 0, 1);
  assert.equal(block.endStream, false);
  assert.equal(block.finish().toString(), 'a');
});

test('continuation_flood: the ninth CONTINUATION', () => {
  const block = new HeaderBlock(1_000, 8);
  block.begin(1, false, PIECE, 0, 6);
  for (let count = 0; count < 8; count++) block.append(PIECE, 0, 1, false);
  isFlood(() => block.append(PIECE, 0, 1, true), 'continuation_flood');
});

test('continuation_flood: an empty one that is not the last', () => {
  const block = new HeaderBlock(1_000, 8);
  block.begin(1, false, PIECE, 0, 6);
  isFlood(() => block.append(PIECE, 0, 0, false), 'continuation_flood');
});

test('an empty last CONTINUATION ends the block', () => {
  const block = new HeaderBlock(1_000, 8);
  block.begin(1, false, PIECE, 0, 6);
  block.append(PIECE, 0, 0, true);
  assert.equal(block.finish().toString(), 'abcdef');
});

test('header_block_too_large: above the most bytes, in the first piece or a later one', () => {
  const block = new HeaderBlock(10, 8);
  isFlood(() => block.begin(1, false, Buffer.alloc(11), 0, 11), 'header_block_too_large');
  const other = new HeaderBlock(10, 8);
  other.begin(1, false, PIECE, 0, 6);
  other.append(PIECE, 0, 4, false);
  isFlood(() => other.append(PIECE, 0, 1, true), 'header_block_too_large');
});
