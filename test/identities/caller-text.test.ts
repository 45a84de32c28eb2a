// What the log and the lists of calls say of a client: nobody can imitate another name, or turn the line around.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callerText } from '../../src/identities/caller-text.ts';

test('a name has no character that is invisible, breaks the line or turns it around', () => {
  assert.equal(callerText('staff', 'alice'), 'staff:alice');
  assert.equal(callerText('staff', 'Zoë 日本'), 'staff:Zoë 日本');
  for (const character of [
    '\u202e',
    '\u2066',
    '\u200b',
    '\u200d',
    '\ufeff',
    '\u00ad',
    '\u{e0041}',
    '\n',
    '\x1b',
    '\x9b',
    '\u2028',
    '\u00a0',
  ])
    assert.equal(callerText('staff', `a${character}b`), 'staff:a?b', JSON.stringify(character));
});

test('a long name is cut', () => {
  assert.equal(callerText('staff', 'x'.repeat(500)).length, 128);
});
