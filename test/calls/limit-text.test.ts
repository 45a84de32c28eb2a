// Limits of time in words.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitText } from '../../src/calls/limit-text.ts';

for (const [limitMs, text] of [
  [0.05, '0.05 ms'],
  [5000, '5000 ms'],
  [9999, '9999 ms'],
  [10_000, '10 s'],
  [59_998.4, '59.998 s'],
  [86_400_000, '86400 s'],
] as const)
  test(`a limit of ${limitMs} milliseconds is told as ${text}`, () => {
    assert.equal(limitText(limitMs), text);
  });
