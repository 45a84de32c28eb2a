// What clients choose, on its way into the log: readable where it is text, visible where it is not, and bounded.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { boundedText, jsonString, longestText, textOfBytes } from '../../src/observability/json-text.ts';

function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

test('bytes that are UTF-8 become text', () => {
  assert.equal(textOfBytes('/a.B/C'), '/a.B/C');
  assert.equal(textOfBytes(bytesOf('grüße 日本 🚀')), 'grüße 日本 🚀');
});

test('bytes that are no UTF-8 are shown in hex', () => {
  assert.equal(textOfBytes('a\xff\x80b'), 'a\\xff\\x80b');
  assert.equal(textOfBytes('\xc3'), '\\xc3');
});

test('text that was never bytes stays', () => {
  assert.equal(textOfBytes('it’s \xe9'), 'it’s \xe9');
});

test('long texts are cut between characters', () => {
  assert.equal(boundedText('a'.repeat(2000)), `${'a'.repeat(longestText)}…`);
  assert.equal(textOfBytes('a'.repeat(2000)), `${'a'.repeat(longestText)}…`);
  const cut = textOfBytes(bytesOf(`a${'🚀'.repeat(400)}`));
  assert.equal(cut, `a${'🚀'.repeat(255)}…`);
});

test('a JSON string has nothing in it that a terminal or a reader of lines obeys', () => {
  assert.equal(
    jsonString('a"\\\n\u001b[31m\u007f\u0085\u009b\u2028\u2029\u202e\u200b\u{e0041}'),
    '"a\\"\\\\\\n\\u001b[31m\\u007f\\u0085\\u009b\\u2028\\u2029\\u202e\\u200b\\udb40\\udc41"',
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const written = jsonString(text);
      assert.equal(JSON.parse(written), text);
      assert.doesNotMatch(written, /[\p{Cc}\p{Cf}\u2028\u2029]/u);
    }),
  );
});
