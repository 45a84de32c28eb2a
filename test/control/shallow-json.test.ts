import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseShallowJson } from '../../src/control/shallow-json.ts';

function nested(depth: number, open: string, inner: string, close: string): string {
  return `${open.repeat(depth)}${inner}${close.repeat(depth)}`;
}

test('JSON that is nested a hundred deep is read, and deeper JSON is a fault, of lists and objects', () => {
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ]) {
    const most = nested(100, open, '1', close);
    assert.equal(JSON.stringify(parseShallowJson(most)), most);
    for (const depth of [101, 200_000])
      assert.throws(() => parseShallowJson(nested(depth, open, '1', close)), SyntaxError);
  }
});

test('brackets in strings and side by side are no depth', () => {
  for (const text of [
    JSON.stringify('['.repeat(500)),
    JSON.stringify(`"${'{'.repeat(500)}\\`),
    `[${'[],'.repeat(500)}[]]`,
  ])
    assert.equal(JSON.stringify(parseShallowJson(text)), text);
});

test('what is no JSON is a fault', () => {
  for (const text of ['', '<html>', '{', ']'.repeat(500)])
    assert.throws(() => parseShallowJson(text), SyntaxError);
});
