// The message of a service in texts: whatever a service sends, a short and harmless line.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeGrpcMessage } from '../../../src/grpc/percent-encoding.ts';
import { beginningOf, shownMessage } from '../../../src/upstreams/outliers/shown-message.ts';

test('a message is decoded before it is cut, whatever its characters take', () => {
  for (const character of ['x', 'ä', '中', '😀']) {
    for (const count of [1, 199, 200]) {
      const message = character.repeat(count);
      assert.equal(shownMessage(encodeGrpcMessage(message)), message);
    }
    for (const count of [201, 202, 267, 5000])
      for (const before of ['', 'a', 'ab', 'ä'])
        assert.equal(
          shownMessage(encodeGrpcMessage(`${before}${character.repeat(count)}`)),
          `${before}${character.repeat(200 - before.length)}…`,
        );
  }
});

test('what is not valid in it stays, and the rest is decoded', () => {
  assert.equal(shownMessage('100% done, %C3%A4'), '100% done, ä');
  assert.equal(shownMessage('%zz %4 %'), '%zz %4 %');
  assert.equal(shownMessage('%ff%C3%A4'), '\ufffdä', 'no UTF-8');
  assert.equal(shownMessage(Buffer.from('ä').toString('latin1')), 'ä', 'bytes that are not encoded');
});

test('nothing of a message can harm a terminal or break a line', () => {
  assert.equal(shownMessage('a%1b[31m%0ab%E2%80%AE%E2%80%A8'), 'a?[31m?b??');
  assert.equal(shownMessage(' %20 '), '');
  assert.equal(shownMessage(''), '');
});

test('no more of a message is kept and decoded than is shown', () => {
  for (const encoded of ['x'.repeat(1_000_000), '%F0%9F%98%80'.repeat(100_000)]) {
    const kept = beginningOf(encoded);
    assert.ok(kept.length < 2500);
    assert.equal(shownMessage(kept), shownMessage(encoded));
  }
  assert.equal(shownMessage(`${' '.repeat(10_000)}x`), '', 'what comes later is not read');
  assert.equal(beginningOf('short'), 'short');
});
