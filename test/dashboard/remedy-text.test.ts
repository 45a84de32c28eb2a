// The Markdown of remedies becomes blocks of text, and nothing else.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { remedyBlocks } from '../../dashboard/model/remedy-text.ts';
import { diagnosisCodes } from '../../src/diagnosis/codes.ts';
import { readRemedy } from '../../src/diagnosis/pages/page.ts';

test('paragraphs, lists, tables and code are told apart', () => {
  const blocks = remedyBlocks(
    'Use **TLS**:\nsee `a<b`.\n\n- one\n  more\n- two\n\n```sh\ncurl\n\nx\n```\n| a | b |\n|---|---|\n\n1. first',
  );
  assert.deepEqual(blocks, [
    {
      kind: 'paragraph',
      spans: [
        { text: 'Use TLS: see ', isCode: false },
        { text: 'a<b', isCode: true },
        { text: '.', isCode: false },
      ],
    },
    {
      kind: 'items',
      isNumbered: false,
      items: [[{ text: 'one more', isCode: false }], [{ text: 'two', isCode: false }]],
    },
    { kind: 'code', text: 'curl\n\nx' },
    { kind: 'code', text: '| a | b |\n|---|---|' },
    { kind: 'items', isNumbered: true, items: [[{ text: 'first', isCode: false }]] },
  ]);
});

test('text that never ends a block is taken as it is', () => {
  assert.deepEqual(remedyBlocks('```\nopen'), [{ kind: 'code', text: 'open' }]);
  assert.deepEqual(remedyBlocks('a `b'), [
    {
      kind: 'paragraph',
      spans: [
        { text: 'a ', isCode: false },
        { text: 'b', isCode: true },
      ],
    },
  ]);
  assert.deepEqual(remedyBlocks(''), []);
});

test('every remedy of the catalogue has text', () => {
  for (const code of diagnosisCodes.values()) {
    const text = JSON.stringify(remedyBlocks(readRemedy(code)));
    assert.ok(text.length > 20, `${code}: ${text}`);
    assert.doesNotMatch(text, /\*\*/, code);
  }
});
