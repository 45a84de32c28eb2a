import assert from 'node:assert/strict';
import { test } from 'node:test';
import { visibleText } from '../../src/config/visible-text.ts';

test('what a terminal would interpret or not show is escaped, and everything else stays', () => {
  assert.equal(
    visibleText('a\u001b[31m\u009b\n\r\u2028\u202e\u200b\ud800b'),
    'a\\u{1b}[31m\\u{9b}\\u{a}\\u{d}\\u{2028}\\u{202e}\\u{200b}\\u{d800}b',
  );
  assert.equal(visibleText('\u{e0041}'), '\\u{e0041}');
  assert.equal(visibleText('Grüße, 你好, 🙂 {}\\'), 'Grüße, 你好, 🙂 {}\\');
});
